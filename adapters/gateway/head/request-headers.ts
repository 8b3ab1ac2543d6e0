import type { IncomingMessage } from 'node:http';
import { endsHere, namedBy } from '../common/hop-by-hop.js';
import type { Peer } from './client.js';
import { addForwarded, type ForwardedStyle, isAboutClient } from './forwarded.js';
import type { RequestHead } from './request-head.js';

export interface HeaderContext {
  readonly forwarded: ForwardedStyle;
  /** The gateway's name in Via; undefined for none. */
  readonly via: string | undefined;
  /** The header that carries the id of a request, in lower case; undefined for none. */
  readonly requestId: string | undefined;
}

/** By which gateways that stand in a row know that only the first of them is to repeat. */
export const ATTEMPT = 'x-fairlead-attempt';

/** Of node:http's own making, or made anew here. */
const OURS: ReadonlySet<string> = new Set(['host', 'expect', 'via', 'cookie', ATTEMPT]);

/**
 * What goes upstream, names and values in turn: what came, in its order and letters, without what
 * ends here; then ours. Removal comes first, so that a Connection header cannot take ours away.
 * `cookies`: the Cookie header to send, where that is not all of it.
 */
export function requestHeaders(
  request: IncomingMessage,
  head: RequestHead,
  peer: Peer,
  client: string | undefined,
  { forwarded, via, requestId }: HeaderContext,
  id: string | undefined,
  cookies: string | undefined = request.headers.cookie,
): string[] {
  const { rawHeaders, headers } = request;
  const named = namedBy(headers.connection);
  const sent: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!;
    const lower = name.toLowerCase();
    if (OURS.has(lower) || endsHere(lower, named) || isAboutClient(lower) || lower.charCodeAt(0) === 58) continue;
    if (lower === requestId) continue;
    sent.push(name, rawHeaders[i + 1]!);
  }
  // Several lines are one to a server of HTTP/1.1: RFC 9113, 8.2.3.
  if (cookies !== undefined && cookies !== '' && !named.has('cookie')) sent.push('cookie', cookies);
  if (requestId !== undefined && id !== undefined) sent.push(requestId, id);
  addForwarded(sent, forwarded, headers, peer, client, head.authority);
  if (via !== undefined) {
    const own = `${request.httpVersion === '2.0' ? '2' : request.httpVersion} ${via}`;
    sent.push('via', headers.via === undefined ? own : `${headers.via}, ${own}`);
  }
  return sent;
}

/** Whether the request came through this gateway before. */
export function loops(via: string | undefined, own: string | undefined): boolean {
  if (via === undefined || own === undefined || !via.includes(own)) return false;
  return via.split(',').some((hop) => hop.trim().split(/\s+/)[1] === own);
}
