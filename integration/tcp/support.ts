import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type ServerOpts, type Socket } from 'node:net';
import { inflight } from '../http/support.js';

export { inflight, meshOf, refusingPort } from '../http/support.js';

/** A TCP server in this process, and the sockets that it has. */
export class TcpBackend implements AsyncDisposable {
  readonly sockets: Set<Socket> = new Set();
  connections = 0;
  readonly #server: Server;

  constructor(serve: (socket: Socket) => void, options: ServerOpts = {}) {
    this.#server = createServer(options, (socket) => {
      this.connections++;
      this.sockets.add(socket);
      socket.on('error', () => {}).on('close', () => this.sockets.delete(socket));
      serve(socket);
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async listen(): Promise<this> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return this;
  }

  /** Refuses connections from now on; those that there are stay. */
  refuse(): void {
    this.#server.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.#server.close();
  }
}

/** Says who it is and then returns what it is sent; ends when the client does. */
export const echoing = (id: string): Promise<TcpBackend> =>
  new TcpBackend((socket) => {
    socket.write(`${id}\n`);
    socket.pipe(socket);
  }).listen();

/** The next bytes, as text. */
export const reads = async (socket: Socket): Promise<string> => String(((await once(socket, 'data')) as [Buffer])[0]);

export const allLeasesEnd = (mesh: Parameters<typeof inflight>[0]): (() => boolean) => {
  return () => inflight(mesh) === 0;
};
