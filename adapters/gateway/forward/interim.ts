import { type ServerResponse, STATUS_CODES } from 'node:http';
import { type RawHeaders, responseHeaders } from '../head/response-headers.js';

const BREAK = /[\r\n]/;

/**
 * Passes an interim response on to a client of HTTP/1.1 (RFC 9110, 15.2). Written by hand, since
 * node:http offers only some statuses, and 103 only with links of its own taste. One whose turn in
 * a pipeline has not come is left out.
 */
export function sendInterim(response: ServerResponse, status: number, raw: RawHeaders, via: string | undefined): void {
  const { socket, req } = response;
  if (socket === null || response.headersSent || req.httpVersion !== '1.1') return;
  const headers = responseHeaders(raw, false);
  if (via !== undefined) headers.push('via', `1.1 ${via}`);
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Interim'}\r\n`;
  for (let i = 0; i < headers.length; i += 2) {
    if (!BREAK.test(headers[i + 1]!)) head += `${headers[i]}: ${headers[i + 1]}\r\n`;
  }
  socket.write(`${head}\r\n`, 'latin1');
}
