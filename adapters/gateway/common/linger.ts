import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../../src/index.js';

/** So long a client that was answered may go on sending; milliseconds. */
const LINGER_MS = 5_000;

/** Whether a body follows the headers: RFC 9112, 6.3; in HTTP/2, what the frame of headers says. */
export function hasBody(request: IncomingMessage): boolean {
  const { headers } = request;
  if (request.httpVersionMajor === 2) return (request as { readonly bodiless?: boolean }).bodiless !== true;
  const length = headers['content-length'];
  return headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}

/**
 * For a response that is final before its request has arrived whole: the connection closes, but
 * only when the client has stopped sending or has had time to. A reset, which closing at once would
 * cause, takes the answer away from a client that has not read it yet (RFC 9112, 9.6).
 *
 * Returns whether that is so: the response must then say `Connection: close`.
 */
export function lingers(request: IncomingMessage, response: ServerResponse, clock: Clock): boolean {
  const { socket } = request;
  // Before node:http has left the handler, no request is complete: not even one without a body.
  if (request.complete || !hasBody(request) || request.httpVersionMajor !== 1 || response.socket === null) return false;
  // What node:http calls when the response is out.
  socket.destroySoon = () => {
    request.once('end', () => {
      if (socket.writableFinished) socket.destroy();
      else socket.once('finish', () => socket.destroy());
    });
    request.resume();
    endGently(socket, clock);
  };
  return true;
}

/** Says that nothing more comes, and reads on for a while, so that it is heard. */
export function endGently(socket: Duplex, clock: Clock): void {
  socket.end();
  const timer = clock.after(LINGER_MS, () => socket.destroy());
  socket.once('close', () => timer.cancel());
  socket.once('end', () => socket.destroy());
  socket.resume();
}
