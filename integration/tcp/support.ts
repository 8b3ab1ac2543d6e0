import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type ServerOpts, type Socket } from 'node:net';
import type { Mesh } from 'fairlead';
import { createTcpProxy, type TcpProxy, type TcpProxyOptions } from 'fairlead/tcp';
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

/** Connected, and heard: it neither throws for want of a listener nor hides how it ended. */
export async function connected(port: number, options: { readonly allowHalfOpen?: boolean } = {}): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', ...options });
  await once(socket, 'connect');
  return socket.on('error', () => {});
}

/** All that it sends until its end; `'reset'` where there is none. */
export function heard(socket: Socket): Promise<Buffer | 'reset'> {
  const chunks: Buffer[] = [];
  return new Promise((resolve) => {
    socket.on('data', (chunk: Buffer) => void chunks.push(chunk));
    socket.once('end', () => resolve(Buffer.concat(chunks)));
    socket.once('close', () => resolve('reset'));
  });
}

/** How a connection that says nothing ends, be it reset before it was there. */
export function endOf(port: number): Promise<Buffer | 'reset'> {
  return heard(connect(port, '127.0.0.1').on('error', () => {}));
}

/** A proxy on a free port of loopback. */
export async function proxyOf(
  mesh: Mesh,
  options: TcpProxyOptions = { service: 'users' },
): Promise<AsyncDisposable & { readonly proxy: TcpProxy; readonly port: number }> {
  const proxy = createTcpProxy(mesh, options);
  const { port } = await proxy.listen({ port: 0, host: '127.0.0.1' });
  return { proxy, port, [Symbol.asyncDispose]: () => proxy.close({ deadlineMs: 0 }) };
}
