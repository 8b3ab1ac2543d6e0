import { FairleadError, type Mesh } from '../../src/index.js';
import { serviceNamed } from './actions.js';
import type { AdminSettings } from './options.js';
import { partsByKey } from './state/named.js';
import { plain } from './state/plain.js';
import { Refused } from './web/guard.js';

/** What is answered to one look. */
interface Look {
  /** Default 200. */
  readonly status?: number;
  readonly body: unknown;
}

type Looker = (mesh: Mesh, settings: AdminSettings, query: URLSearchParams) => Look;

/** `GET api/<name>`: what is asked once, where the state is followed. */
const LOOKS: Readonly<Record<string, Looker>> = { explain, flight, diff, health };

/** Throws Refused, and the FairleadError of what is asked. */
export function look(name: string, mesh: Mesh, settings: AdminSettings, query: URLSearchParams): Look {
  if (!Object.hasOwn(LOOKS, name)) throw unknown('There is no such part of the API.');
  return LOOKS[name]!(mesh, settings, query);
}

function explain(mesh: Mesh, _: AdminSettings, query: URLSearchParams): Look {
  const headers = headersOf(query);
  if (query.has('part')) return { body: explainByPart(mesh, query, headers) };
  const key = query.get('key');
  const body = serviceNamed(mesh, query.get('service')).explain({
    ...(key !== null && key !== '' && { key }),
    labels: (name) => headers.get(name.toLowerCase()),
  });
  return { body };
}

function explainByPart(mesh: Mesh, query: URLSearchParams, headers: ReadonlyMap<string, string>): object {
  const name = query.get('part')!;
  const explainer = partsByKey(mesh)[name]?.explains;
  if (explainer === undefined) {
    throw new FairleadError('FAIRLEAD_NO_ENDPOINT', `There is no part '${name.slice(0, 100)}' that explains itself.`);
  }
  const values: Record<string, string> = Object.create(null);
  for (const field of explainer.fields) {
    const value = query.get(field);
    if (value !== null && value !== '') values[field] = value;
  }
  return { part: name, ...explainer.explain({ values, headers: Object.fromEntries(headers) }) };
}

/** `label=version:2`, for each header. */
function headersOf(query: URLSearchParams): ReadonlyMap<string, string> {
  return new Map(
    query.getAll('label').map((label) => {
      const at = label.indexOf(':');
      return [label.slice(0, at).trim().toLowerCase(), label.slice(at + 1).trim()] as const;
    }),
  );
}

/** The last decisions of a service, or those that were kept when an alert was last raised. */
function flight(mesh: Mesh, _: AdminSettings, query: URLSearchParams): Look {
  const service = serviceNamed(mesh, query.get('service'));
  if (service.flight === undefined) throw unknown(`The service '${service.name}' has no option \`recorder\`.`);
  if (!query.has('frozen')) return { body: service.flight.read() };
  const latest = service.flight.frozen.at(-1);
  if (latest === undefined) throw unknown(`No flight of the service '${service.name}' was kept yet.`);
  return { body: latest };
}

function diff(_: Mesh, { config }: AdminSettings, query: URLSearchParams): Look {
  if (config === undefined) throw unknown('createAdmin() was given no `config`.');
  const [from, to] = [Number(query.get('from')), Number(query.get('to'))];
  // Before the first there was nothing.
  const changes = from === 0 ? config.versions.find(({ number }) => number === to)?.changes : config.diff(from, to);
  return { body: { changes: plain(changes ?? []) } };
}

function health(_: Mesh, { monitor }: AdminSettings): Look {
  if (monitor === undefined) throw unknown('createAdmin() was given no `monitor`.');
  const body = monitor.health();
  return { status: body.status === 'down' ? 503 : 200, body };
}

function unknown(message: string): Refused {
  return new Refused({ status: 404, code: 'UNKNOWN', message });
}
