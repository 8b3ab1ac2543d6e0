/**
 * Headers that are about one connection, in both directions (RFC 9110, 7.6.1), and those that only
 * the next hop is told (11.7). In lower case.
 */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'proxy-authorization',
  'proxy-authenticate',
]);

const NONE: ReadonlySet<string> = new Set();
/** What Connection says almost always. */
const PLAIN = /^(?:keep-alive|close|)$/i;

/** The headers that a Connection header names, in lower case. */
export function namedBy(connection: string | undefined): ReadonlySet<string> {
  if (connection === undefined || PLAIN.test(connection)) return NONE;
  return new Set(connection.split(',').map((each) => each.trim().toLowerCase()));
}

/** Whether a header ends here; `name` in lower case. */
export function endsHere(name: string, named: ReadonlySet<string>): boolean {
  return HOP_BY_HOP.has(name) || (named.size > 0 && named.has(name));
}
