import { type ServerResponse, STATUS_CODES } from 'node:http';
import { type RawHeaders, responseHeaders } from '../head/response-headers.js';

/** What a response of HTTP/2 has for it. */
interface Interim {
  interim?(status: number, headers: readonly string[]): void;
}

const BREAK = /[\r\n]/;

/**
 * Passes an interim response on to a client (RFC 9110, 15.2). For HTTP/1.1 written by hand, since
 * node:http offers only some statuses, and 103 only with links of its own taste. One whose turn in
 * a pipeline has not come is left out.
 */
export function sendInterim(response: ServerResponse, status: number, raw: RawHeaders, via: string | undefined): void {
  const { socket, req } = response;
  const { interim } = response as Interim;
  if (socket === null || response.headersSent || (req.httpVersion !== '1.1' && interim === undefined)) return;
  const headers = responseHeaders(raw, false);
  if (via !== undefined) headers.push('via', `1.1 ${via}`);
  if (interim !== undefined) {
    interim.call(response, status, headers);
    return;
  }
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Interim'}\r\n`;
  for (let i = 0; i < headers.length; i += 2) {
    if (!BREAK.test(headers[i + 1]!)) head += `${headers[i]}: ${headers[i + 1]}\r\n`;
  }
  socket.write(`${head}\r\n`, 'latin1');
}
