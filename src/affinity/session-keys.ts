import { integer, readOptions } from '../runtime/options.js';

/** Headers as Node's servers give them, or gRPC metadata and fetch's `Headers` by their `get`. */
export type HeaderSource =
  | Readonly<Record<string, string | readonly string[] | undefined>>
  | { get(name: string): string | null | undefined | readonly (string | Uint8Array)[] };

/** Tells the session key of a request, undefined where it has none. */
export type SessionKey<Request> = (request: Request) => string | undefined;

/** The first key that one of these tells: `firstKey(cookieKey('session'), headerKey('x-user'))`. */
export function firstKey<Request>(...sources: readonly SessionKey<Request>[]): SessionKey<Request> {
  return (request) => {
    for (const source of sources) {
      const key = source(request);
      if (key !== undefined) return key;
    }
    return undefined;
  };
}

/** The value of a header, the first where there are several. An empty one is none. */
export function headerKey(name: string): SessionKey<HeaderSource> {
  const lower = name.toLowerCase();
  return (headers) => {
    const given = isGettable(headers) ? headers.get(lower) : ownHeader(headers, lower);
    const value = typeof given === 'string' ? given : given?.[0];
    if (value === undefined || value.length === 0) return undefined;
    return typeof value === 'string' ? value : Buffer.from(value).toString('latin1');
  };
}

/**
 * The value of a cookie in the Cookie header (RFC 6265), as it stands there. An empty one is none.
 */
export function cookieKey(name: string): SessionKey<HeaderSource> {
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
 * dual-stack socket shows as `::ffff:10.1.2.3` is the IPv4 one. Whatever is no address has no key.
 */
export function clientIpKey(options?: ClientIpOptions): SessionKey<string | undefined> {
  const { ipv4Prefix, ipv6Prefix } = readOptions<Required<ClientIpOptions>>('clientIpKey', options, {
    ipv4Prefix: integer(32, 1, 32),
    ipv6Prefix: integer(64, 1, 128),
  });
  return (address) => {
    const bare = address?.replace(/^\[|\]$|%.*$/g, '') ?? '';
    if (V4.test(bare)) return v4Network(bare.split('.').map(Number), ipv4Prefix);
    const groups = bare.includes(':') ? v6Groups(bare) : undefined;
    if (groups === undefined) return undefined;
    const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
    if (!isMapped) return v6Network(groups, ipv6Prefix);
    return v4Network(
      groups.slice(6).flatMap((group) => [group >> 8, group & 0xff]),
      ipv4Prefix,
    );
  };
}

const V4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/;

function v4Network(bytes: readonly number[], prefix: number): string {
  const value = bytes.reduce((sum, byte) => sum * 256 + byte, 0);
  const size = 2 ** (32 - prefix);
  const network = Math.floor(value / size) * size;
  const parts = [24, 16, 8, 0].map((shift) => Math.floor(network / 2 ** shift) % 256);
  return `${parts.join('.')}/${prefix}`;
}

/** The eight groups of an IPv6 address, undefined where it is none. */
function v6Groups(address: string): number[] | undefined {
  // The URL parser knows every way to write one, and writes it in hexadecimal with at most one `::`
  // left to fill in.
  const url = `http://[${address}]/`;
  if (!URL.canParse(url)) return undefined;
  const [head = '', tail] = new URL(url).hostname.slice(1, -1).split('::') as [string, string | undefined];
  const groups = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  const before = groups(head);
  const after = groups(tail ?? '');
  return [...before, ...Array.from({ length: 8 - before.length - after.length }, () => 0), ...after];
}

function v6Network(groups: readonly number[], prefix: number): string {
  const digits = groups.map((group) => group.toString(16).padStart(4, '0')).join('');
  const bits = BigInt(`0x${digits}`) >> BigInt(128 - prefix);
  return `${bits.toString(16).padStart(Math.ceil(prefix / 4), '0')}/${prefix}`;
}

function isGettable(headers: HeaderSource): headers is Extract<HeaderSource, { get: unknown }> {
  return typeof headers.get === 'function';
}

function ownHeader(headers: Readonly<Record<string, unknown>>, name: string): string | readonly string[] | undefined {
  return Object.hasOwn(headers, name) ? (headers[name] as string | readonly string[] | undefined) : undefined;
}
