import type { IncomingHttpHeaders } from 'node:http';
import type { Peer } from './client.js';

/** Headers that say who asked whom, and how. An untrusted peer's own are not passed on. */
export type ForwardedStyle = 'x-forwarded' | 'forwarded' | 'both' | 'none';

const ABOUT_CLIENT: ReadonlySet<string> = new Set([
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-real-ip',
  'forwarded',
]);

/** In lower case. */
export const isAboutClient = (name: string): boolean => ABOUT_CLIENT.has(name);

/**
 * Adds them to `into`, names and values in turn. Of a trusted peer, what it said stays in front or
 * in place.
 */
export function addForwarded(
  into: string[],
  style: ForwardedStyle,
  headers: IncomingHttpHeaders,
  peer: Peer,
  client: string | undefined,
  authority: string,
): void {
  if (style === 'none') return;
  const said = peer.trusted ? headers : {};
  const address = peer.address ?? 'unknown';
  const proto = peer.secure ? 'https' : 'http';
  if (style !== 'forwarded') {
    into.push('x-forwarded-for', joined(said['x-forwarded-for'], address));
    into.push('x-forwarded-proto', one(said['x-forwarded-proto']) ?? proto);
    const host = one(said['x-forwarded-host']) ?? authority;
    if (host !== '') into.push('x-forwarded-host', host);
    into.push('x-forwarded-port', one(said['x-forwarded-port']) ?? String(peer.port));
    into.push('x-real-ip', client ?? address);
  }
  if (style !== 'x-forwarded') {
    const node = address.includes(':') ? `"[${address}]"` : address;
    const host = authority === '' ? '' : `;host=${quoted(authority)}`;
    into.push('forwarded', joined(said.forwarded, `for=${node}${host};proto=${proto}`));
  }
}

const one = (value: string | readonly string[] | undefined): string | undefined =>
  typeof value === 'string' ? value : value?.join(', ');

const joined = (before: string | readonly string[] | undefined, own: string): string =>
  before === undefined || before.length === 0 ? own : `${one(before)}, ${own}`;

/** RFC 7239, 4: a token as it is, anything else as a quoted string. */
const quoted = (text: string): string =>
  /^[\w.!#$%&'*+^`|~-]+$/.test(text) ? text : `"${text.replace(/["\\]/g, '\\$&')}"`;
