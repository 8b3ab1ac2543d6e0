import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { createMesh, type Mesh, type ServiceOptions, staticResolver } from 'fairlead';
import { freePort } from '../harness/ports.js';

/** An HTTP server in this process that counts what reaches it. */
export class Backend implements AsyncDisposable {
  readonly id: string;
  readonly requests: {
    readonly method: string;
    readonly url: string;
    readonly headers: IncomingMessage['headers'];
    readonly body: string;
  }[] = [];
  connections = 0;
  /** Of these, how many are open. */
  connected = 0;
  readonly #server: Server;

  constructor(id: string, respond: (request: IncomingMessage, response: ServerResponse, body: string) => void) {
    this.id = id;
    const listener: RequestListener = async (request, response) => {
      const chunks: Buffer[] = [];
      try {
        for await (const chunk of request) chunks.push(chunk as Buffer);
      } catch {
        return;
      }
      const body = Buffer.concat(chunks).toString();
      const { method = '', url = '', headers } = request;
      this.requests.push({ method, url, headers, body });
      respond(request, response, body);
    };
    this.#server = createServer(listener).on('connection', (socket) => {
      this.connections++;
      this.connected++;
      socket.once('close', () => void this.connected--);
    });
  }

  get server(): Server {
    return this.#server;
  }

  async listen(): Promise<this> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return this;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

/** Answers every request with who it is, and what it was sent. */
export const saysWho = (id: string): Promise<Backend> =>
  new Backend(id, (request, response, body) => {
    response.setHeader('x-backend', id);
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ id, method: request.method, url: request.url, host: request.headers.host, body }));
  }).listen();

/** A TCP server that does with each connection, and what came first over it, as it is told. */
export async function rawServer(
  handle: (socket: Socket, head: Buffer) => void,
): Promise<{ readonly port: number; heads: Buffer[]; close(): void }> {
  const heads: Buffer[] = [];
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    socket.on('data', (head) => {
      heads.push(head);
      handle(socket, head);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    heads,
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** Connections whose own port refuses others, and what they lead to. */
const held: Socket[] = [];

/**
 * A port that refuses connections until this process ends. It is the near end of a connection: no
 * other program can come to listen there, and it is below those that the system gives to clients.
 */
export async function refusingPort(): Promise<number> {
  const server = createTcpServer((socket) => void held.push(socket.unref())).listen(0, '127.0.0.1');
  server.unref();
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const socket = connect({ port, host: '127.0.0.1', localPort: await freePort() }).unref();
  held.push(socket);
  await once(socket, 'connect');
  return socket.localPort!;
}

/** A mesh whose service `users` has these endpoints. */
export function meshOf(ports: readonly number[], options: ServiceOptions = {}): Mesh {
  const endpoints = ports.map((port, i) => ({ id: `e${i}`, host: '127.0.0.1', port }));
  return createMesh({ resolver: staticResolver({ users: endpoints }), services: { users: options } });
}

export const inflight = (mesh: Mesh): number =>
  mesh.service('users').endpoints.reduce((sum, endpoint) => sum + endpoint.inflight, 0);
