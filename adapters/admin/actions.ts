import { optionReaders } from '../../src/adapter.js';
import { endpointControl, FairleadError, type Mesh, type Service } from '../../src/index.js';
import type { MeshMonitor } from '../../src/monitor/index.js';
import type { AdminSettings } from './options.js';
import type { EventLog } from './state/event-log.js';
import { keyOf, shortened } from './state/plain.js';

type Body = Readonly<Record<string, unknown>>;

/** What an operator may change, by the name in `POST api/<name>`. */
export class Actions {
  readonly #mesh: Mesh;
  readonly #settings: AdminSettings;
  readonly #log: EventLog;
  readonly #known: Readonly<Record<string, (body: Body) => Promise<object> | object>> = {
    drain: (body) => this.#byHand('drain', body),
    eject: (body) => this.#byHand('eject', body),
    restore: (body) => this.#restore(body),
    rollback: (body) => this.#rollback(body),
    silence: (body) => this.#silence(body),
    unsilence: (body) => this.#unsilence(body),
  };

  constructor(mesh: Mesh, settings: AdminSettings, log: EventLog) {
    this.#mesh = mesh;
    this.#settings = settings;
    this.#log = log;
  }

  get names(): readonly string[] {
    return Object.keys(this.#known);
  }

  /** Rejects with a FairleadError for what is wrong with it. */
  async run(name: string, body: Body): Promise<object> {
    return this.#known[name]!(body);
  }

  #byHand(how: 'drain' | 'eject', body: Body): object {
    const { service, id } = this.#endpoint(body, ['forMs', 'by', 'reason']);
    const { forMs, by, reason } = body;
    const options = Object.fromEntries(
      Object.entries({ forMs, by, reason }).filter(([, value]) => value !== undefined && value !== ''),
    );
    const control = endpointControl(service);
    control[how](id, options);
    const hold = control.holds.find((each) => each.id === id)!;
    const minutes = Math.round((hold.untilMs - hold.sinceMs) / 60_000);
    const whom = hold.by === '' ? 'by hand' : `by ${hold.by}`;
    const why = hold.reason === '' ? '' : `: ${hold.reason}`;
    this.#log.add('warn', service.name, `${how}ed ${whom} for ${minutes} min${why}`, id);
    return { ok: true };
  }

  #restore(body: Body): object {
    const { service, id } = this.#endpoint(body, ['by']);
    const changed = endpointControl(service).restore(id);
    if (changed) this.#log.add('info', service.name, 'restored by hand', id);
    return { ok: true, changed };
  }

  async #rollback(body: Body): Promise<object> {
    optionReaders.refuseUnknown('rollback', body, { version: 0, by: 0 });
    const { config } = this.#settings;
    if (config === undefined) throw conflict('createAdmin() was given no `config`: there is nothing to roll back.');
    const author = typeof body.by === 'string' && body.by !== '' ? body.by : 'admin page';
    const { number } = await config.rollback(body.version as number, { author });
    return { ok: true, version: number };
  }

  #silence(body: Body): object {
    const monitor = this.#monitor;
    // As it stands in the state, where a long name is shortened.
    const { subject: shown } = body;
    const subject = monitor.alerts.find((alert) => shortened(alert.subject) === shown)?.subject ?? shown;
    const given = Object.entries({ ...body, subject }).filter(([, value]) => value !== undefined && value !== '');
    monitor.silence(Object.fromEntries(given) as never);
    const { id, rule, by, reason, untilMs } = monitor.silences.at(-1)!;
    const minutes = Math.round((untilMs - this.#mesh.clock.wallMs()) / 60_000);
    const whom = by === undefined ? 'by hand' : `by ${by}`;
    const why = reason === undefined ? '' : `: ${reason}`;
    const what = rule ?? 'all alerts';
    this.#log.add('info', String(subject ?? 'alerts'), `${what} silenced ${whom} for ${minutes} min${why}`);
    return { ok: true, silence: id };
  }

  #unsilence(body: Body): object {
    optionReaders.refuseUnknown('unsilence', body, { silence: 0, by: 0 });
    const monitor = this.#monitor;
    const ended = monitor.silences.find(({ id }) => id === body.silence);
    if (ended === undefined) return { ok: true, changed: false };
    monitor.endSilence(ended.id);
    this.#log.add('info', ended.subject ?? 'alerts', `the silence of ${ended.rule ?? 'all alerts'} was ended by hand`);
    return { ok: true, changed: true };
  }

  get #monitor(): MeshMonitor {
    const { monitor } = this.#settings;
    if (monitor === undefined) throw conflict('createAdmin() was given no `monitor`: there are no alerts.');
    return monitor;
  }

  #endpoint(body: Body, more: readonly string[]): { readonly service: Service; readonly id: string } {
    const known = Object.fromEntries(['service', 'endpoint', ...more].map((name) => [name, 0]));
    optionReaders.refuseUnknown('endpoint', body, known);
    const service = serviceNamed(this.#mesh, body.service);
    const key = String(body.endpoint);
    const listed = service.endpoints.find(({ spec }) => keyOf(spec.id) === key);
    return { service, id: listed?.spec.id ?? key };
  }
}

/** By its name, as it stands in the state. Throws FAIRLEAD_NO_ENDPOINT. */
export function serviceNamed(mesh: Mesh, name: unknown): Service {
  for (const service of mesh.services.values()) if (keyOf(service.name) === name) return service;
  throw new FairleadError('FAIRLEAD_NO_ENDPOINT', `There is no service '${String(name).slice(0, 100)}'.`);
}

function conflict(message: string): FairleadError {
  return new FairleadError('FAIRLEAD_CONFLICT', message);
}
