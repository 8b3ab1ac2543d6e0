import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';

/** What a hostile server does with each connection, once something came over it, or at once. */
export type Behaviour = (socket: Socket) => void;

/** A TCP server that speaks no protocol well. */
export class HostileServer implements AsyncDisposable {
  connections = 0;
  sent = 0;
  readonly #sockets = new Set<Socket>();
  readonly #server;

  private constructor(behave: Behaviour) {
    this.#server = createServer((socket) => {
      this.connections++;
      this.#sockets.add(socket);
      socket
        .on('error', () => {})
        .on('close', () => {
          this.sent += socket.bytesWritten;
          this.#sockets.delete(socket);
        });
      // What the client sends is of no interest, but must not fill its buffers.
      socket.resume();
      behave(socket);
    });
  }

  static async start(behave: Behaviour): Promise<HostileServer> {
    const server = new HostileServer(behave);
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  get open(): number {
    return this.#sockets.size;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}

/** A chunk that is sent again and again, as fast as it is taken. */
export function endlessly(chunk: Buffer): Behaviour {
  return (socket) => {
    const more = (): void => {
      while (!socket.destroyed && socket.write(chunk));
    };
    socket.on('drain', more);
    more();
  };
}

/** The same, so many times and then no more: what a client may hold must not hang on its speed. */
export function repeatedly(chunk: Buffer, times: number): Behaviour {
  return (socket) => {
    let left = times;
    const more = (): void => {
      while (!socket.destroyed && left-- > 0 && socket.write(chunk));
    };
    socket.on('drain', more);
    more();
  };
}

/** A byte now and then. */
export function slowly(bytes: Buffer, everyMs: number): Behaviour {
  return (socket) => {
    let at = 0;
    const timer = setInterval(
      () => socket.write(bytes.subarray(at % bytes.length, (at++ % bytes.length) + 1)),
      everyMs,
    );
    socket.on('close', () => clearInterval(timer));
  };
}

/** Something first, then another behaviour. */
export function after(head: Buffer | string, then: Behaviour): Behaviour {
  return (socket) => {
    socket.write(head);
    then(socket);
  };
}

/** Only once the client has said something. */
export function answering(behave: Behaviour): Behaviour {
  return (socket) => void socket.once('data', () => behave(socket));
}
