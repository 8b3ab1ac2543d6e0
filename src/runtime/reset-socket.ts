import type { Duplex } from 'node:stream';

interface Resettable extends Duplex {
  resetAndDestroy?(): unknown;
}

/**
 * Ends a connection so that its other side sees that something went wrong, and that it closes. Node
 * (20 to 24) never closes a socket that is reset while its end is on its way: libuv refuses, and
 * neither the descriptor nor the event 'close' is heard of again. All bytes are with the system
 * then, and the end behind them is true: that socket is destroyed.
 */
export function resetSocket(socket: Resettable): void {
  const ending = socket.writableEnded && !socket.writableFinished && socket.writableLength === 0;
  if (ending || socket.resetAndDestroy === undefined) socket.destroy();
  else socket.resetAndDestroy();
}
