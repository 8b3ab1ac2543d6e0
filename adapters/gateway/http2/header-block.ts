import type { OutgoingHttpHeaders } from 'node:http2';

/** What node:http2 takes one value of. */
const SINGLE: ReadonlySet<string> = new Set(
  (
    'access-control-allow-credentials access-control-max-age access-control-request-method age authorization ' +
    'content-encoding content-language content-length content-location content-md5 content-range content-type date ' +
    'dnt etag expires from host if-match if-modified-since if-none-match if-range if-unmodified-since last-modified ' +
    'location max-forwards proxy-authorization range referer retry-after tk upgrade-insecure-requests user-agent ' +
    'x-content-type-options'
  ).split(' '),
);

/** What a message of HTTP/2 has none of: RFC 9113, 8.2.2. */
const OF_CONNECTIONS: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);

/**
 * Headers, names and values in turn, as node:http2 takes them: names in lower case, repeated ones
 * as a list. Those of one connection are left out, and of what there is one of the first stays.
 */
export function headerBlock(flat: readonly string[], into: OutgoingHttpHeaders = {}): OutgoingHttpHeaders {
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const name = flat[i]!.toLowerCase();
    if (name.charCodeAt(0) === 58 || name === '__proto__' || OF_CONNECTIONS.has(name)) continue;
    const value = flat[i + 1]!;
    const known = into[name];
    if (known === undefined) into[name] = value;
    else if (Array.isArray(known)) known.push(value);
    else if (!SINGLE.has(name)) into[name] = [String(known), value];
  }
  return into;
}

/** Without the pseudo-headers; names and values in turn. */
export function plainHeaders(raw: readonly string[]): string[] {
  const plain: string[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    if (raw[i]!.charCodeAt(0) !== 58) plain.push(raw[i]!, raw[i + 1]!);
  }
  return plain;
}
