import { token } from '../runtime/http-fields.js';
import { maskIp, parseIp, V4_BYTES, V6_BYTES } from '../runtime/ip-address.js';
import { integer, invalidOption, readOptions } from '../runtime/options.js';

/** Headers as Node's servers give them, or gRPC metadata and fetch's `Headers` by their `get`. */
export type HeaderSource =
  | Readonly<Record<string, string | readonly string[] | undefined>>
  | { get(name: string): string | null | undefined | readonly (string | Uint8Array)[] };

/** Returns the session key of a request, undefined where it has none. */
export type SessionKey<Request> = (request: Request) => string | undefined;

/**
 * The first key that one of these returns: `firstKey(cookieKey('session'), headerKey('x-user'))`.
 */
export function firstKey<Request>(...sources: readonly SessionKey<Request>[]): SessionKey<Request> {
  for (const source of sources) if (typeof source !== 'function') throw invalidOption('firstKey', source, 'functions');
  return (request) => {
    for (const source of sources) {
      const key = source(request);
      if (key !== undefined) return key;
    }
    return undefined;
  };
}

/**
 * The value of a header, the first where there are several. An empty one is none. Throws
 * FAIRLEAD_INVALID_OPTION for what is not the name of a header.
 */
export function headerKey(name: string): SessionKey<HeaderSource> {
  const lower = token(name, 'headerKey.name').toLowerCase();
  return (headers) => {
    const given = isGettable(headers) ? headers.get(lower) : ownHeader(headers, lower);
    const value = typeof given === 'string' ? given : given?.[0];
    if (value === undefined || value.length === 0) return undefined;
    return typeof value === 'string' ? value : Buffer.from(value).toString('latin1');
  };
}

/**
 * The value of a cookie in the Cookie header (RFC 6265), as it stands there. An empty one is none.
 * Throws FAIRLEAD_INVALID_OPTION for what is not the name of a cookie.
 */
export function cookieKey(name: string): SessionKey<HeaderSource> {
  token(name, 'cookieKey.name');
  const cookies = headerKey('cookie');
  return (headers) => {
    for (const pair of cookies(headers)?.split(';') ?? []) {
      const at = pair.indexOf('=');
      if (at === -1 || pair.slice(0, at).trim() !== name) continue;
      const value = pair.slice(at + 1).trim();
      return value === '' ? undefined : value;
    }
    return undefined;
  };
}

export interface ClientIpOptions {
  /** Leading bits of an IPv4 address that count. Default 32; 1 to 32. */
  readonly ipv4Prefix?: number;
  /** Leading bits of an IPv6 address that count. Default 64, one subscriber's network; 1 to 128. */
  readonly ipv6Prefix?: number;
}

/**
 * The network of a client's address, as a key: `10.1.2.3` → `10.1.2.3/32`, `2001:db8:0:1::5` →
 * `20010db800000001/64` and the same for every address of that network. An IPv4 address that a
 * dual-stack socket shows as `::ffff:10.1.2.3` is the IPv4 one; brackets and a port, as proxies
 * write them, do not matter. Whatever is not an address has no key, and never throws.
 */
export function clientIpKey(options?: ClientIpOptions): SessionKey<string | undefined> {
  const { ipv4Prefix, ipv6Prefix } = readOptions<Required<ClientIpOptions>>('clientIpKey', options, {
    ipv4Prefix: integer(32, 1, 32),
    ipv6Prefix: integer(64, 1, 128),
  });
  const bytes = Buffer.alloc(V6_BYTES);
  return (address) => {
    const length = typeof address === 'string' ? parseIp(address, bytes) : 0;
    if (length === 0) return undefined;
    const prefix = length === V4_BYTES ? ipv4Prefix : ipv6Prefix;
    maskIp(bytes, length, prefix);
    if (length === V4_BYTES) return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}/${prefix}`;
    return `${bytes.toString('hex').slice(0, Math.ceil(prefix / 4))}/${prefix}`;
  };
}

function isGettable(headers: HeaderSource): headers is Extract<HeaderSource, { get: unknown }> {
  return typeof headers.get === 'function';
}

function ownHeader(headers: Readonly<Record<string, unknown>>, name: string): string | readonly string[] | undefined {
  return Object.hasOwn(headers, name) ? (headers[name] as string | readonly string[] | undefined) : undefined;
}
