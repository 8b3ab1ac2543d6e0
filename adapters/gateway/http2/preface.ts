import type { Socket } from 'node:net';

/** RFC 9113, 3.4: what a client of HTTP/2 begins with. */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** Whether bytes begin as a client of HTTP/2 does; undefined while they are too few to say. */
export function isPreface(bytes: Buffer): boolean | undefined {
  const length = Math.min(bytes.length, PREFACE.length);
  if (bytes.compare(PREFACE, 0, length, 0, length) !== 0) return false;
  return length === PREFACE.length ? true : undefined;
}

/**
 * Reads what a client begins with and puts it back. `known` hears whether that is HTTP/2; it is not
 * called where the connection ends before.
 */
export function peekPreface(socket: Socket, known: (http2: boolean) => void): void {
  const ignore = (): void => {};
  let begun: Buffer = Buffer.alloc(0);
  const look = (): void => {
    const bytes = socket.read() as Buffer | null;
    if (bytes === null) return;
    begun = begun.length === 0 ? bytes : Buffer.concat([begun, bytes]);
    const http2 = isPreface(begun);
    if (http2 === undefined) return;
    socket.off('readable', look).off('end', ended).off('error', ignore);
    socket.unshift(begun);
    known(http2);
  };
  const ended = (): void => void socket.destroy();
  socket.on('error', ignore).on('end', ended).on('readable', look);
}
