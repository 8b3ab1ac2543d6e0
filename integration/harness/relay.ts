import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { freePort } from './ports.js';

type Mode = 'pass' | 'hold' | 'swallow' | 'swallow-answers' | 'delay' | 'crumble';

/**
 * A TCP relay before a server, for what networks do to connections: `pass` is how it begins; `cut`
 * resets connections and refuses new ones; `hold` takes connections and keeps all bytes back until
 * it passes again, in order; `swallow` takes connections and forgets all bytes, `swallowAnswers`
 * those of the server alone (half-open: requests arrive and no answer does); `delay` forwards each
 * byte later; `crumble` forwards pieces of three bytes. `reset`, `forget` and `corrupt` happen once:
 * to the connections that there are, and to the next bytes of each.
 *
 * A connection that lost bytes is reset when it passes again: TCP leaves nothing out.
 */
export class Relay implements AsyncDisposable {
  readonly host = '127.0.0.1';
  readonly port: number;
  #target: number;
  readonly #pairs = new Set<Pair>();
  readonly #forgotten = new Set<Pair>();
  #server: Server | undefined;
  #mode: Mode = 'pass';
  #delayMs = 0;
  /** How many connections were taken. */
  connections = 0;

  private constructor(port: number, target: number) {
    this.port = port;
    this.#target = target;
  }

  static async before(server: { readonly port: number }): Promise<Relay> {
    const relay = new Relay(await freePort(), server.port);
    await relay.#listen();
    return relay;
  }

  get address(): string {
    return `${this.host}:${this.port}`;
  }

  /**
   * New connections lead to another server, and those that there are stay where they are: as with a
   * name that is moved.
   */
  turnTo(server: { readonly port: number }): void {
    this.#target = server.port;
  }

  async cut(): Promise<void> {
    const closed = new Promise((resolve) => (this.#server ? this.#server.close(resolve) : resolve(undefined)));
    this.#server = undefined;
    this.reset();
    for (const pair of this.#forgotten) pair.end();
    await closed;
  }

  hold(): void {
    this.#become('hold');
  }

  swallow(): void {
    this.#become('swallow');
  }

  swallowAnswers(): void {
    this.#become('swallow-answers');
  }

  delay(ms: number): void {
    this.#delayMs = ms;
    this.#become('delay');
  }

  crumble(): void {
    this.#become('crumble');
  }

  /** Resets the connections that there are; new ones are taken. */
  reset(): void {
    for (const pair of this.#pairs) pair.end();
    this.#pairs.clear();
  }

  /**
   * As a firewall that lost its table: nothing comes through any more on the connections that there
   * are, and neither side hears of it, whatever the relay does later. New ones are taken.
   */
  forget(): void {
    for (const pair of this.#pairs) {
      this.#forgotten.add(pair);
      pair.forget(() => this.#forgotten.delete(pair));
    }
    this.#pairs.clear();
  }

  /** The next bytes on each connection, of server or client, arrive as others; then it is reset. */
  corrupt(from: 'server' | 'client'): void {
    for (const pair of this.#pairs) pair.corrupt(from);
  }

  /** Connections that `corrupt` was for and that carried nothing since. */
  get spared(): number {
    return [...this.#pairs].filter(({ isSpared }) => isSpared).length;
  }

  /** Leaves those alone from now on. */
  spare(): void {
    for (const pair of this.#pairs) pair.spare();
  }

  async pass(): Promise<void> {
    if (this.#server === undefined) await this.#listen();
    this.#become('pass');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cut();
  }

  #become(mode: Mode): void {
    this.#mode = mode;
    for (const pair of this.#pairs) pair.become(mode, this.#delayMs);
  }

  async #listen(): Promise<void> {
    this.#mode = 'pass';
    const server = createServer((client) => {
      this.connections++;
      const pair = new Pair(client, this.#target, () => this.#pairs.delete(pair));
      this.#pairs.add(pair);
      pair.become(this.#mode, this.#delayMs);
    });
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.port, this.host, resolve);
    });
  }
}

class Pair {
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #ended: () => void;
  readonly #there: Lane;
  readonly #back: Lane;

  constructor(client: Socket, target: number, ended: () => void) {
    this.#client = client;
    this.#ended = ended;
    this.#server = createConnection({ host: '127.0.0.1', port: target });
    const end = (): void => this.end();
    this.#there = new Lane(client, this.#server, ended, end);
    this.#back = new Lane(this.#server, client, ended, end);
  }

  become(mode: Mode, delayMs: number): void {
    if (mode === 'pass' && (this.#there.lost || this.#back.lost)) {
      this.end();
      return;
    }
    this.#there.become(mode === 'swallow-answers' ? 'pass' : mode, delayMs);
    this.#back.become(mode === 'swallow-answers' ? 'swallow' : mode, delayMs);
  }

  corrupt(from: 'server' | 'client'): void {
    (from === 'server' ? this.#back : this.#there).corrupts = true;
  }

  get isSpared(): boolean {
    return this.#there.corrupts || this.#back.corrupts;
  }

  spare(): void {
    this.#there.corrupts = false;
    this.#back.corrupts = false;
  }

  /** Its server hears when the client has closed it: it does not keep connections for ever. */
  forget(closed: () => void): void {
    this.#there.become('swallow', 0);
    this.#back.become('swallow', 0);
    this.#client.once('close', () => {
      this.#server.destroy();
      closed();
    });
  }

  end(): void {
    this.#client.resetAndDestroy();
    this.#server.destroy();
    this.#ended();
  }
}

/** One direction of a connection. */
class Lane {
  readonly #to: Socket;
  readonly #reset: () => void;
  #mode: Mode = 'pass';
  #delayMs = 0;
  /** What was not forwarded yet, in order, with the time from which it may be. */
  #waiting: { readonly go: () => void; readonly atMs: number }[] = [];
  /** Whether bytes were forgotten. */
  lost = false;
  /** Whether the next bytes arrive as others. */
  corrupts = false;

  constructor(from: Socket, to: Socket, ended: () => void, reset: () => void) {
    this.#to = to;
    this.#reset = reset;
    from.on('data', (bytes) => this.#act(() => this.#forward(bytes), true));
    from.on('close', () =>
      this.#act(() => {
        to.destroy();
        ended();
      }, false),
    );
    from.on('error', () => from.destroy());
  }

  become(mode: Mode, delayMs: number): void {
    this.#mode = mode;
    this.#delayMs = delayMs;
    if (mode === 'swallow') this.#waiting = [];
    else if (mode !== 'hold') this.#drain();
  }

  #act(go: () => void, bytes: boolean): void {
    if (this.#mode === 'swallow') {
      this.lost ||= bytes;
      return;
    }
    const atMs = performance.now() + (this.#mode === 'delay' ? this.#delayMs : 0);
    if (this.#mode !== 'hold' && this.#mode !== 'delay' && this.#waiting.length === 0) {
      go();
      return;
    }
    this.#waiting.push({ go, atMs });
    if (this.#mode !== 'hold') this.#drain();
  }

  #drain(): void {
    while (this.#waiting.length > 0 && this.#mode !== 'hold') {
      const leftMs = this.#waiting[0]!.atMs - performance.now();
      if (leftMs > 0) {
        setTimeout(() => this.#drain(), leftMs).unref();
        return;
      }
      this.#waiting.shift()!.go();
    }
  }

  #forward(bytes: Buffer): void {
    if (this.corrupts) {
      this.corrupts = false;
      // Neither a protocol's first byte nor a length: no parser may take it for an answer.
      this.#to.write(Buffer.alloc(bytes.length, 0xfe), () => setImmediate(this.#reset));
      return;
    }
    if (this.#mode !== 'crumble') {
      this.#to.write(bytes);
      return;
    }
    for (let at = 0; at < bytes.length && at < 300; at += 3) this.#to.write(bytes.subarray(at, Math.min(at + 3, 300)));
    if (bytes.length > 300) this.#to.write(bytes.subarray(300));
  }
}
