import type { AdminState } from '../adapters/admin/index.js';
import { type CommandInput, given, UsageError } from './command.js';

/** What is put to a part of the mesh rather than to a service. */
export interface AskedOfPart {
  readonly kind: string;
  /** What such a part is, for a sentence. */
  readonly what: string;
  readonly values: Record<string, string>;
}

type Reader = (text: string, input: CommandInput) => Record<string, string>;

/** Options that say of which kind of part it is asked. */
const ASKS: Readonly<Record<string, readonly [kind: string, what: string, read: Reader]>> = {
  sql: ['mysql', 'pool of fairlead/mysql', (sql) => ({ sql })],
  'redis-key': ['redis', 'client of fairlead/redis', (key) => ({ key })],
  method: ['grpc', 'registration of fairlead/grpc', (method) => ({ method })],
  request: ['gateway', 'gateway', readRequest],
};

function readRequest(text: string, input: CommandInput): Record<string, string> {
  const [, method, path] = /^(?:([A-Za-z]+)\s+)?(\S+)$/.exec(text.trim()) ?? [];
  if (path === undefined) throw new UsageError(`--request is '${text}': allowed is a method and a path, as "GET /x".`);
  const host = given(input, 'host');
  return { ...(method && { method }), path, ...(host && { host }) };
}

/** Undefined where it is a call to a service. Throws a UsageError for two questions at once. */
export function askedOfPart(input: CommandInput): AskedOfPart | undefined {
  const options = Object.keys(ASKS).filter((option) => given(input, option) !== undefined);
  if (options.length > 1) throw new UsageError(`Give one of ${options.map((option) => `--${option}`).join(' and ')}.`);
  const [option] = options;
  if (option === undefined) return undefined;
  if (given(input, 'key') !== undefined)
    throw new UsageError(`--key is of a call: it says nothing beside --${option}.`);
  const [kind, what, read] = ASKS[option]!;
  return { kind, what, values: read(given(input, option)!, input) };
}

/** The name of the part in the state: the one of that service, or the only one of its kind. */
export function partOf(parts: AdminState['parts'], { kind, what }: AskedOfPart, service: string | undefined): string {
  const all = Object.entries(parts).filter(([, part]) => part.kind === kind && part.asks !== undefined);
  const own = all.filter(([, { name }]) => name === service);
  // Those of gRPC and gateways look after many services.
  const found =
    own.length > 0 || service === undefined || kind === 'grpc' || kind === 'gateway' ? [...own, ...all] : [];
  if (found[0] === undefined) {
    const names = all.map(([, { name }]) => name).join(', ');
    throw new UsageError(
      `The process has no ${what}${service === undefined ? '' : ` for '${service}'`}${names && `: there is ${names}`}.`,
    );
  }
  if (own.length === 0 && all.length > 1 && service === undefined) {
    throw new UsageError(`Which one? There is ${all.map(([, { name }]) => name).join(', ')}.`);
  }
  return found[0][0];
}
