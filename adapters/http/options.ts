import { isIP } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import type { Pool } from 'undici';
import { optionReaders, tlsClient, token } from '../../src/adapter.js';
import { cookieKey, type Endpoint, type Outcome, type RoutingKey } from '../../src/index.js';
import { RepeatLedger, readMaxReplayBytes } from './repeat-ledger.js';

/** What a request is known by before it is sent. */
export interface HttpRequest {
  readonly service: string;
  readonly method: string;
  /** With its query: `/v1/users?page=2`. */
  readonly path: string;
  /** The first value of a header, whatever its case. */
  header(name: string): string | undefined;
}

/**
 * What a call is hashed or kept together by: the value of a header, cookie or query parameter, a
 * segment of the path (0 is the first), or what a function returns.
 */
export type HttpKey =
  | { readonly header: string }
  | { readonly cookie: string }
  | { readonly query: string }
  | { readonly segment: number }
  | ((request: HttpRequest) => RoutingKey | undefined);

/** Which hosts of URLs are services. */
export type HttpServices = string | readonly string[] | ((hostname: string) => string | undefined);

/** Options of an undici Pool that may be given for all endpoints; they keep undici's names. */
type PoolOptions = Pick<
  Pool.Options,
  | 'connections'
  | 'headersTimeout'
  | 'bodyTimeout'
  | 'keepAliveTimeout'
  | 'keepAliveMaxTimeout'
  | 'keepAliveTimeoutThreshold'
  | 'maxHeaderSize'
  | 'maxResponseSize'
  | 'pipelining'
>;

export interface HttpOptions extends PoolOptions {
  /**
   * Which hosts of URLs are services of the mesh; every other request goes to a plain Agent.
   *
   * - a suffix, `'.mesh'`: `http://users.mesh/` is the service `users`;
   * - a list of names;
   * - a function that returns the name of the service for a host name, or undefined.
   *
   * Default: host names without a dot, except `localhost`: `http://users/`.
   */
  readonly services?: HttpServices;
  /** How long connecting may take; milliseconds. Default 2,000; 1 to 3,600,000. */
  readonly connectTimeout?: number;
  /**
   * Whose name the server sees in Host, and in the TLS server name: that of the URL (default) or
   * the endpoint's address.
   */
  readonly hostHeader?: 'url' | 'endpoint';
  /** For `https:` URLs: certificates, `servername`, and what else `tls.connect` takes. */
  readonly tls?: ConnectionOptions;
  /**
   * The path of a unix socket for an endpoint; undefined for its address. Default: none has one.
   */
  readonly socketPath?: (endpoint: Endpoint) => string | undefined;
  /**
   * What a request is hashed or sticky by: the first of these that it has. Default: the key of
   * `withRoutingKey`.
   */
  readonly key?: HttpKey | readonly HttpKey[];
  /**
   * Reads `x-fairlead-key`, `x-fairlead-prefer` (the id of an endpoint) and
   * `x-fairlead-idempotent` (`true`, `false`) of a request, and does not send them. For programs
   * whose callers are trusted. Default false.
   */
  readonly controlHeaders?: boolean;
  /**
   * Whether a request may be made twice. Default: GET, HEAD, OPTIONS, TRACE, PUT and DELETE, and
   * what has `idempotent: true` among undici's options; and all where the service says so.
   */
  readonly idempotent?: (request: HttpRequest) => boolean | undefined;
  /**
   * Statuses after which an idempotent request is repeated on another endpoint, as the service's
   * `retry` says, waiting for `Retry-After`. Default: none.
   */
  readonly retryStatus?: readonly number[];
  /**
   * So much of a streamed request body is kept while it is sent, so that it can be sent again;
   * bytes. Texts and buffers can be, always. Default 65,536; 0 to 1,073,741,824.
   */
  readonly replayBytes?: number;
  /**
   * So much of all streamed bodies together is kept for that; one that comes when it is full is
   * sent once. Bytes. Default 67,108,864; 0 to 2^40.
   */
  readonly maxReplayBytes?: number;
  /** For several dispatchers with one limit of that, in place of `maxReplayBytes`. */
  readonly ledger?: RepeatLedger;
  /**
   * A response whose reader has paused for so long counts as ended, its connection stays open;
   * milliseconds. Default 30,000; 1 to 3,600,000.
   */
  readonly unreadBodyMs?: number;
  /** Another judgement of a status than its class gives; undefined leaves it to that. */
  readonly classify?: (status: number, request: HttpRequest) => Outcome | undefined;
}

export interface HttpSettings {
  readonly serviceOf: (hostname: string) => string | undefined;
  readonly connectTimeout: number;
  readonly hostHeader: 'url' | 'endpoint';
  readonly tls: ConnectionOptions | undefined;
  readonly socketPath: HttpOptions['socketPath'];
  readonly keys: readonly ((request: HttpRequest) => RoutingKey | undefined)[];
  readonly controlHeaders: boolean;
  readonly idempotent: HttpOptions['idempotent'];
  readonly retryStatus: ReadonlySet<number>;
  readonly replayBytes: number;
  readonly ledger: RepeatLedger;
  readonly unreadBodyMs: number;
  readonly classify: HttpOptions['classify'];
  readonly driver: PoolOptions;
}

const { boolean, callback, integer, invalidOption, number, oneOf, optional, readOptions } = optionReaders;
type Reader<T> = optionReaders.Reader<T>;

const HOUR_MS = 3_600_000;
const GIB = 1_073_741_824;

const serviceOf: Reader<HttpSettings['serviceOf']> = (value, name) => {
  if (value === undefined)
    return (host) => (host.includes('.') || host === 'localhost' || isIP(host) ? undefined : host);
  if (typeof value === 'function') return value as HttpSettings['serviceOf'];
  if (typeof value === 'string' && /^\.[^/:\s]+$/.test(value)) {
    const suffix = value.toLowerCase();
    return (host) => (host.endsWith(suffix) && host !== suffix ? host.slice(0, -suffix.length) : undefined);
  }
  if (Array.isArray(value) && value.every((each) => typeof each === 'string' && each !== '')) {
    // URLs have their hosts in lower case.
    const names = new Map((value as string[]).map((each) => [each.toLowerCase(), each]));
    return (host) => names.get(host);
  }
  throw invalidOption(name, value, "a suffix such as '.mesh', an array of names, or a function");
};

const KEY_SHAPES = '{ header }, { cookie }, { query }, { segment }, a function, or an array of these';

function oneKey(value: unknown, name: string): HttpSettings['keys'][number] {
  if (typeof value === 'function') return value as HttpSettings['keys'][number];
  if (typeof value !== 'object' || value === null || Object.keys(value).length !== 1)
    throw invalidOption(name, value, KEY_SHAPES);
  const { header, cookie, query, segment } = value as Record<string, unknown>;
  if (header !== undefined) {
    const named = token(header, `${name}.header`);
    return (request) => filled(request.header(named));
  }
  if (cookie !== undefined) {
    const sessionOf = cookieKey(token(cookie, `${name}.cookie`));
    return (request) => sessionOf({ cookie: request.header('cookie') });
  }
  if (typeof query === 'string' && query !== '')
    return ({ path }) => filled(new URLSearchParams(path.split('#', 1)[0]!.split('?')[1] ?? '').get(query));
  if (typeof segment === 'number' && Number.isInteger(segment) && segment >= 0)
    return ({ path }) => filled(path.split('?', 1)[0]!.split('/')[segment + 1]);
  throw invalidOption(name, value, KEY_SHAPES);
}

const filled = (text: string | null | undefined): string | undefined =>
  text === '' || text === null ? undefined : text;

const keys: Reader<HttpSettings['keys']> = (value, name) => {
  if (value === undefined) return [];
  return Array.isArray(value) ? value.map((each, i) => oneKey(each, `${name}[${i}]`)) : [oneKey(value, name)];
};

const statuses: Reader<ReadonlySet<number>> = (value, name) => {
  const list = value ?? [];
  if (Array.isArray(list) && list.every((each) => Number.isInteger(each) && each >= 400 && each <= 599))
    return new Set(list as number[]);
  throw invalidOption(name, value, 'an array of statuses from 400 to 599');
};

const schema = {
  services: serviceOf,
  connectTimeout: number(2_000, 1, HOUR_MS),
  hostHeader: oneOf<'url' | 'endpoint'>('url', 'url', 'endpoint'),
  tls: optional(tlsClient),
  socketPath: callback<NonNullable<HttpOptions['socketPath']>>(),
  key: keys,
  controlHeaders: boolean(false),
  idempotent: callback<NonNullable<HttpOptions['idempotent']>>(),
  retryStatus: statuses,
  replayBytes: integer(65_536, 0, GIB),
  maxReplayBytes: optional(readMaxReplayBytes),
  ledger: optional<RepeatLedger>((value, name) => {
    if (value instanceof RepeatLedger) return value;
    throw invalidOption(name, value, 'a RepeatLedger');
  }),
  unreadBodyMs: number(30_000, 1, HOUR_MS),
  classify: callback<NonNullable<HttpOptions['classify']>>(),
  connections: optional(integer(1, 1, 65_535)),
  headersTimeout: optional(number(0, 0, HOUR_MS)),
  bodyTimeout: optional(number(0, 0, HOUR_MS)),
  keepAliveTimeout: optional(number(1, 1, HOUR_MS)),
  keepAliveMaxTimeout: optional(number(1, 1, HOUR_MS)),
  keepAliveTimeoutThreshold: optional(number(0, 0, HOUR_MS)),
  maxHeaderSize: optional(integer(1, 1, GIB)),
  maxResponseSize: optional(integer(-1, -1, Number.MAX_SAFE_INTEGER)),
  pipelining: optional(integer(1, 1, 1)),
};

/** Throws FAIRLEAD_INVALID_OPTION. */
export function readHttpOptions(options: HttpOptions | undefined): HttpSettings {
  const read = readOptions<Record<keyof typeof schema, never>>(
    'createDispatcher',
    options,
    schema as never,
  ) as never as {
    readonly [K in keyof typeof schema]: ReturnType<(typeof schema)[K]>;
  };
  const { services, key, ledger: given, maxReplayBytes, ...rest } = read;
  if (given !== undefined && maxReplayBytes !== undefined)
    throw invalidOption('createDispatcher.maxReplayBytes', maxReplayBytes, 'undefined beside a ledger');
  const ledger = given ?? new RepeatLedger(maxReplayBytes === undefined ? {} : { maxReplayBytes });
  const driver: Record<string, unknown> = {};
  for (const name of POOL_NAMES) if (read[name] !== undefined) driver[name] = read[name];
  return { ...rest, ledger, serviceOf: services, keys: key, driver };
}

const POOL_NAMES = [
  'connections',
  'headersTimeout',
  'bodyTimeout',
  'keepAliveTimeout',
  'keepAliveMaxTimeout',
  'keepAliveTimeoutThreshold',
  'maxHeaderSize',
  'maxResponseSize',
  'pipelining',
] as const satisfies readonly (keyof PoolOptions)[];
