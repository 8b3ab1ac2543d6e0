import { IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';

/** Of a response that nothing was said of yet. */
const OK = 200;

/** What Node's own answers say; 400 for all else that it cannot read. */
const STATUSES: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

/**
 * What a client is told whose bytes are no request, or come too slowly; undefined for the loss of
 * its connection, which nobody is told of.
 */
function statusOf({ code = '' }: NodeJS.ErrnoException): number | undefined {
  return STATUSES[code] ?? (code.startsWith('HPE_') ? 400 : undefined);
}

/** The response that a connection is at, where node:http has begun with one. */
type Busy = Socket & { readonly _httpMessage?: ServerResponse | null };

/**
 * Listens to `clientError` of a server of node:http. `refuse` answers, and logs, where there is a
 * head that Node has refused; what breaks in the body of a request has a passage, and is ended as
 * Node does by itself.
 */
export function whenHeadRefused(
  refuse: (request: IncomingMessage, socket: Socket, status: number) => void,
): (error: NodeJS.ErrnoException, socket: Busy) => void {
  const refused = new WeakSet<Socket>();
  return (error, socket) => {
    // The rest of what was sent, which nobody reads.
    if (refused.has(socket)) return;
    const status = statusOf(error);
    const response = socket._httpMessage ?? undefined;
    // A connection that has said nothing is closed without a word.
    if (status !== undefined && response === undefined && socket.writable && socket.bytesRead > 0) {
      refused.add(socket);
      refuse(unread(socket), socket, status);
      return;
    }
    if (status !== undefined && response?.headersSent === false && socket.writable) {
      response.statusCode = status;
      socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\n\r\n`);
    }
    socket.destroy(error);
  };
}

/** What was told instead of a response that had not begun; 0 where nothing was. */
export function toldInstead({ headersSent, statusCode }: ServerResponse): number {
  return headersSent || statusCode === OK ? 0 : statusCode;
}

/** A request of which nothing is known but where it came from. */
function unread(socket: Socket): IncomingMessage {
  const request = new IncomingMessage(socket);
  request.method = '';
  request.url = '';
  request.httpVersion = '1.1';
  request.httpVersionMajor = 1;
  request.httpVersionMinor = 1;
  return request;
}
