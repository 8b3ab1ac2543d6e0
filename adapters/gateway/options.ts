import type { SecureContextOptions, TlsOptions } from 'node:tls';
import {
  optionReaders,
  type RouteSettings,
  readRoutes,
  TOKEN,
  tlsServer,
  tlsSwitch,
  tokenKeys,
} from '../../src/adapter.js';
import type { Route, TokenKey } from '../../src/index.js';
import type { RateLimiterLike } from '../../src/resilience/index.js';
import { type AccessEntry, type AccessLog, type AccessLogger, readAccessLog } from './access-log.js';
import { readBackHttp2 } from './common/back-http2.js';
import type { UpstreamOptions } from './forward/upstreams.js';
import { readTrusted, type TrustedPeers } from './head/client.js';
import type { ForwardedStyle } from './head/forwarded.js';
import { type FrontHttp2Options, type FrontHttp2Settings, readFrontHttp2 } from './http2/front-options.js';
import type { GatewayFallback } from './routes/fallback.js';

export interface GatewayOptions {
  /** What becomes of which request. Others can be set later, by `setRoutes`. */
  readonly routes: readonly Route[];
  /** How services are spoken to, by their names. */
  readonly upstreams?: Readonly<Record<string, UpstreamOptions>>;
  /** TLS towards clients: options of `tls.createServer`, certificates above all. Default: none. */
  readonly tls?: TlsOptions;
  /**
   * HTTP/2 towards clients, beside HTTP/1.1 on the same port: by ALPN over TLS, by its preface
   * without TLS. `false`: HTTP/1.1 alone. Default true.
   */
  readonly http2?: boolean | FrontHttp2Options;
  /**
   * Addresses and networks of proxies in front of the gateway, whose `X-Forwarded-*` and
   * `Forwarded` are believed and added to. Those of anybody else are dropped. Default: nobody.
   */
  readonly trustedProxies?: readonly string[];
  /** Which headers tell services of the client. Default `both`. */
  readonly forwarded?: ForwardedStyle;
  /**
   * The name of this gateway in `Via`, by which it also knows a request that comes round again;
   * unique. `false`: no `Via`. Default: `fairlead-` and eight random digits.
   */
  readonly via?: string | false;
  /**
   * The header that carries the id of a request, to the service and back to the client: a trusted
   * proxy's own, or a new one. `false`: none. Default `x-request-id`.
   */
  readonly requestId?: string | false;
  /**
   * Is told of every request when its response has ended: a function, or a logger such as pino.
   * `true`: JSON lines on stdout. Default: none.
   */
  readonly accessLog?: boolean | ((entry: AccessEntry) => void) | AccessLogger;
  /** Answers of its own as `application/problem+json` (RFC 9457). Default false: as text. */
  readonly problemDetails?: boolean;
  /**
   * Protocols to which clients may upgrade their connection; a request for another one is served as
   * if it had not asked. Default: `websocket`.
   */
  readonly upgrades?: readonly string[];
  /** All headers of a request together; bytes. Default 16,384; 1,024 to 1,048,576. */
  readonly maxHeaderBytes?: number;
  /**
   * How long a client may take for its headers; milliseconds. Default 10,000; 0 (for ever) to
   * 3,600,000.
   */
  readonly headersTimeoutMs?: number;
  /** And for the whole request; milliseconds. Default 300,000; 0 (for ever) to 86,400,000. */
  readonly requestTimeoutMs?: number;
  /**
   * An idle connection of a client stays open this long; milliseconds. Default 75,000; 1 to
   * 3,600,000.
   */
  readonly keepAliveTimeoutMs?: number;
  /**
   * After `close()`, connections that are idle stay open for so long, so that a request which is on
   * its way is answered; milliseconds. Default 1,000; 0 to 3,600,000.
   */
  readonly lameDuckMs?: number;
  /**
   * So much of request bodies is kept while they are sent, so that they can be sent again, of all
   * requests together; what comes when it is full is sent once. Of one request see
   * `retries.replayBytes` of its route. Bytes. Default 67,108,864; 0 to 2^40.
   */
  readonly maxReplayBytes?: number;
  /**
   * Sign the cookies of routes with `affinity`: the first signs, all of them are believed. Needed
   * by such routes.
   */
  readonly affinityKeys?: readonly TokenKey[];
  /**
   * Limiters of `rate-limiter-flexible` (over Redis, for instance), by the names that routes call
   * them by.
   */
  readonly rateLimiters?: Readonly<Record<string, RateLimiterLike>>;
  /**
   * Functions that answer what services did not serve, by the names that routes call them by
   * (`fallback.by`). Default: none.
   */
  readonly fallbacks?: Readonly<Record<string, GatewayFallback>>;
}

export interface GatewaySettings {
  readonly routes: readonly RouteSettings[];
  readonly upstreams: Readonly<Record<string, UpstreamOptions>>;
  readonly tls: (TlsOptions & SecureContextOptions) | undefined;
  readonly http2: FrontHttp2Settings | undefined;
  readonly trustedProxies: TrustedPeers;
  readonly forwarded: ForwardedStyle;
  readonly via: string | false | undefined;
  readonly requestId: string | undefined;
  readonly accessLog: AccessLog | undefined;
  readonly problemDetails: boolean;
  readonly upgrades: readonly string[];
  readonly maxHeaderBytes: number;
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  readonly lameDuckMs: number;
  readonly maxReplayBytes: number;
  readonly affinityKeys: readonly TokenKey[] | undefined;
  readonly rateLimiters: Readonly<Record<string, RateLimiterLike>>;
  readonly fallbacks: Readonly<Record<string, GatewayFallback>>;
}

const { boolean, integer, invalidOption, number, oneOf, optional, readOptions, textList } = optionReaders;
type Reader<T> = optionReaders.Reader<T>;

const HOUR_MS = 3_600_000;
const MIB = 1_048_576;
const TIB = 1_099_511_627_776;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const upstream: Reader<UpstreamOptions> = (value, name) => {
  const keepsNames = (given: unknown): never => given as never;
  return readOptions<Record<keyof UpstreamOptions, never>>(name, value, {
    connections: keepsNames,
    connectTimeout: keepsNames,
    headersTimeout: keepsNames,
    bodyTimeout: keepsNames,
    keepAliveTimeout: keepsNames,
    maxHeaderSize: keepsNames,
    tls: tlsSwitch as never,
    socketPath: keepsNames,
    host: keepsNames,
    protocol: oneOf('http/1.1', 'http/1.1', 'h2') as never,
    http2: optional(readBackHttp2) as never,
  }) as UpstreamOptions;
};

const upstreams: Reader<Readonly<Record<string, UpstreamOptions>>> = (value, name) => {
  if (value === undefined) return {};
  if (!isObject(value)) throw invalidOption(name, value, 'an object of options by the name of the service');
  return Object.fromEntries(
    Object.entries(value).map(([service, each]) => [service, upstream(each, `${name}.${service}`)]),
  );
};

const rateLimiters: Reader<Readonly<Record<string, RateLimiterLike>>> = (value, name) => {
  if (value === undefined) return {};
  const isLimiter = (each: unknown): boolean => typeof (each as RateLimiterLike | null)?.consume === 'function';
  if (isObject(value) && Object.values(value).every(isLimiter)) return value as Record<string, RateLimiterLike>;
  throw invalidOption(name, value, 'an object of limiters, which have a method consume, by name');
};

const fallbacks: Reader<Readonly<Record<string, GatewayFallback>>> = (value, name) => {
  if (value === undefined) return {};
  const isFunction = (each: unknown): boolean => typeof each === 'function';
  if (isObject(value) && Object.values(value).every(isFunction)) return value as Record<string, GatewayFallback>;
  throw invalidOption(name, value, 'an object of functions by name');
};

const via: Reader<string | false | undefined> = (value, name) => {
  // RFC 9110, 7.6.3: a pseudonym is a token.
  if (value === undefined || value === false) return value;
  if (typeof value === 'string' && TOKEN.test(value)) return value;
  throw invalidOption(name, value, 'a name without spaces, or false');
};

/** Throws FAIRLEAD_INVALID_OPTION. */
export function readGatewayOptions(options: GatewayOptions): GatewaySettings {
  return readOptions<GatewaySettings>('createGateway', options ?? null, {
    routes: readRoutes,
    upstreams,
    tls: optional(tlsServer),
    http2: readFrontHttp2,
    trustedProxies: readTrusted,
    forwarded: oneOf<ForwardedStyle>('both', 'x-forwarded', 'forwarded', 'both', 'none'),
    via,
    requestId: (value, name) => {
      if (value === false) return undefined;
      if (value === undefined) return 'x-request-id';
      if (typeof value === 'string' && TOKEN.test(value)) return value.toLowerCase();
      throw invalidOption(name, value, 'the name of a header, or false');
    },
    accessLog: readAccessLog,
    problemDetails: boolean(false),
    upgrades: (value, name) =>
      value === undefined ? ['websocket'] : textList()(value, name).map((each) => each.toLowerCase()),
    maxHeaderBytes: integer(16_384, 1_024, MIB),
    headersTimeoutMs: number(10_000, 0, HOUR_MS),
    requestTimeoutMs: number(300_000, 0, 24 * HOUR_MS),
    keepAliveTimeoutMs: number(75_000, 1, HOUR_MS),
    lameDuckMs: number(1_000, 0, HOUR_MS),
    maxReplayBytes: integer(67_108_864, 0, TIB),
    affinityKeys: (value, name) => {
      if (value === undefined) return undefined;
      tokenKeys(value, name);
      return value as readonly TokenKey[];
    },
    rateLimiters,
    fallbacks,
  });
}
