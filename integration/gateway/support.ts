import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { Mesh, Route, ServiceOptions } from 'fairlead';
import { createGateway, type Gateway, type GatewayOptions } from 'fairlead/gateway';
import { meshOf } from '../http/support.js';

/** A gateway that listens, over a service `users` of these ports. */
export interface Running extends AsyncDisposable {
  readonly mesh: Mesh;
  readonly gateway: Gateway;
  readonly port: number;
  readonly url: string;
}

export const ALL: readonly Route[] = [{ service: 'users' }];

export async function gatewayOver(
  ports: readonly number[],
  options: Partial<GatewayOptions> = {},
  service: ServiceOptions = {},
): Promise<Running> {
  const mesh = meshOf(ports, { health: [], ...service });
  const gateway = createGateway(mesh, { routes: ALL, via: 'gw', lameDuckMs: 0, ...options });
  const port = await gateway.listen(0, '127.0.0.1');
  return {
    mesh,
    gateway,
    port,
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      await gateway.close({ deadlineMs: 0 });
      await mesh.close({ deadlineMs: 0 });
    },
  };
}

/** What the gateway counts. */
export const figuresOf = ({ mesh }: Running): Readonly<Record<string, number>> =>
  [...mesh.parts].find(({ kind }) => kind === 'gateway')!.figures!();

/** A client that writes bytes and reads bytes. */
export class RawClient implements Disposable {
  readonly socket: Socket;
  #received = '';
  closed = false;
  reset = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      this.#received += text;
    });
    socket.on('error', ({ code }: NodeJS.ErrnoException) => {
      if (code === 'ECONNRESET') this.reset = true;
    });
    const over = (): void => {
      this.closed = true;
    };
    socket.on('end', over).on('close', over);
  }

  static async to(port: number): Promise<RawClient> {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const client = new RawClient(socket);
    await once(socket, 'connect');
    return client;
  }

  get received(): string {
    return this.#received;
  }

  send(text: string): this {
    this.socket.write(text, 'latin1');
    return this;
  }

  /** Waits until what came looks so, or the connection is closed. */
  async until(done: (text: string) => boolean): Promise<string> {
    for (let i = 0; i < 1_000 && !this.closed && !done(this.#received); i++) await pause(5);
    return this.#received;
  }

  /** Waits until the other side has closed. */
  async end(): Promise<string> {
    for (let i = 0; i < 1_000 && !this.closed; i++) await pause(5);
    if (!this.closed) throw new Error(`the connection stays open after: ${this.#received}`);
    return this.#received;
  }

  /** Waits for one response with Content-Length, or with its last chunk, and takes it out. */
  async response(bodiless = false): Promise<{ status: number; head: string; body: string }> {
    const whole = (text: string): number => {
      const end = text.indexOf('\r\n\r\n');
      if (end === -1) return -1;
      if (bodiless || /^HTTP\/1\.1 (204|304)/.test(text)) return end + 4;
      const head = text.slice(0, end).toLowerCase();
      const length = /\r\ncontent-length: *(\d+)/.exec(head)?.[1];
      if (length !== undefined) return text.length >= end + 4 + Number(length) ? end + 4 + Number(length) : -1;
      if (!head.includes('transfer-encoding: chunked')) return this.closed ? text.length : -1;
      const last = /(?:^|\r\n)0\r\n(?:[^\r\n]+\r\n)*\r\n/.exec(text.slice(end + 4));
      return last === null ? -1 : end + 4 + last.index + last[0].length;
    };
    const text = await this.until((received) => whole(received) !== -1);
    const length = whole(text);
    if (length === -1) throw new Error(`no whole response in: ${JSON.stringify(text)}`);
    this.#received = text.slice(length);
    const end = text.indexOf('\r\n\r\n');
    return {
      status: Number(/^HTTP\/1\.\d (\d+)/.exec(text)?.[1]),
      head: text.slice(0, end),
      body: text.slice(end + 4, length),
    };
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}

/** Sends bytes over a connection of their own and returns all that comes until it is closed. */
export async function exchange(port: number, text: string): Promise<string> {
  using client = await RawClient.to(port);
  return await client.send(text).end();
}
