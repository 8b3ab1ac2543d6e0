import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

export const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** One request as it came, byte for byte, in latin1. */
export interface Received {
  readonly line: string;
  /** `name: value` as they came. */
  readonly headers: readonly string[];
  /** As it came, chunks and all. */
  body: string;
}

type Respond = (socket: Socket, request: Received) => void;

/**
 * A server that keeps the bytes it gets. It finds requests by their framing, as a server of its own
 * making would: so what one takes for two requests shows.
 */
export class Origin implements AsyncDisposable {
  readonly requests: Received[] = [];
  readonly sockets: Set<Socket> = new Set();
  connections = 0;
  /** Everything, over all connections. */
  bytes = '';
  readonly #server: Server;

  constructor(respond: Respond | string = OK) {
    const answer: Respond = typeof respond === 'string' ? (socket) => void socket.write(respond, 'latin1') : respond;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      this.connections++;
      this.sockets.add(socket);
      socket.on('error', () => {}).on('close', () => this.sockets.delete(socket));
      socket.on('end', () => socket.end());
      let buffered = '';
      socket.setEncoding('latin1').on('data', (text: string) => {
        this.bytes += text;
        buffered += text;
        for (;;) {
          const length = lengthOf(buffered);
          if (length === -1) return;
          const received = parse(buffered.slice(0, length));
          buffered = buffered.slice(length);
          this.requests.push(received);
          answer(socket, received);
        }
      });
    });
  }

  static async of(respond?: Respond | string): Promise<Origin> {
    return await new Origin(respond).listen();
  }

  async listen(): Promise<this> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return this;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get last(): Received {
    const last = this.requests.at(-1);
    if (last === undefined) throw new Error('the origin got no request');
    return last;
  }

  /** The values of a header of the last request. */
  values(name: string): string[] {
    const start = `${name.toLowerCase()}:`;
    return this.last.headers
      .filter((line) => line.toLowerCase().startsWith(start))
      .map((line) => line.slice(start.length).trim());
  }

  async until(done: (origin: this) => boolean): Promise<void> {
    for (let i = 0; i < 1_000 && !done(this); i++) await pause(5);
    if (!done(this)) throw new Error(`never came; it got ${JSON.stringify(this.bytes)}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.#server.close();
  }
}

/** Of the first request in a text, -1 while it is not whole. */
function lengthOf(text: string): number {
  const end = text.indexOf('\r\n\r\n');
  if (end === -1) return -1;
  const head = text.slice(0, end).toLowerCase();
  if (/\r\ntransfer-encoding: *chunked/.test(head)) {
    const last = /(?:^|\r\n)0\r\n(?:[^\r\n]+\r\n)*\r\n/.exec(text.slice(end + 4));
    return last === null ? -1 : end + 4 + last.index + last[0].length;
  }
  const length = Number(/\r\ncontent-length: *(\d+)/.exec(head)?.[1] ?? 0);
  return text.length >= end + 4 + length ? end + 4 + length : -1;
}

function parse(text: string): Received {
  const end = text.indexOf('\r\n\r\n');
  const [line = '', ...headers] = text.slice(0, end).split('\r\n');
  return { line, headers, body: text.slice(end + 4) };
}
