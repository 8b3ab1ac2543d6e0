import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { freePort } from './ports.js';

/**
 * A TCP relay before a server, for what networks do to connections: `pass` is how it begins; `cut`
 * resets connections and refuses new ones; `hold` takes connections and keeps all bytes back until
 * it passes again, in order; `swallow` takes connections and forgets all bytes.
 */
export class Relay implements AsyncDisposable {
  readonly host = '127.0.0.1';
  readonly port: number;
  readonly #target: number;
  readonly #pairs = new Set<Pair>();
  #server: Server | undefined;
  #mode: 'pass' | 'hold' | 'swallow' = 'pass';
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

  async cut(): Promise<void> {
    const closed = new Promise((resolve) => (this.#server ? this.#server.close(resolve) : resolve(undefined)));
    this.#server = undefined;
    for (const pair of this.#pairs) pair.end();
    this.#pairs.clear();
    await closed;
  }

  hold(): void {
    this.#become('hold');
  }

  swallow(): void {
    this.#become('swallow');
  }

  async pass(): Promise<void> {
    if (this.#server === undefined) await this.#listen();
    this.#become('pass');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cut();
  }

  #become(mode: 'pass' | 'hold' | 'swallow'): void {
    this.#mode = mode;
    for (const pair of this.#pairs) pair.become(mode);
  }

  async #listen(): Promise<void> {
    this.#mode = 'pass';
    const server = createServer((client) => {
      this.connections++;
      const pair = new Pair(client, this.#target, () => this.#pairs.delete(pair));
      this.#pairs.add(pair);
      pair.become(this.#mode);
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
  #held: (() => void)[] = [];
  #mode: 'pass' | 'hold' | 'swallow' = 'pass';

  constructor(client: Socket, target: number, ended: () => void) {
    this.#client = client;
    this.#ended = ended;
    this.#server = createConnection({ host: '127.0.0.1', port: target });
    this.#join(client, this.#server);
    this.#join(this.#server, client);
  }

  become(mode: 'pass' | 'hold' | 'swallow'): void {
    this.#mode = mode;
    if (mode === 'hold') return;
    const held = this.#held;
    this.#held = [];
    if (mode === 'pass') for (const go of held) go();
  }

  end(): void {
    this.#client.resetAndDestroy();
    this.#server.destroy();
    this.#ended();
  }

  #join(from: Socket, to: Socket): void {
    const act = (go: () => void): void => {
      if (this.#mode === 'pass') go();
      else if (this.#mode === 'hold') this.#held.push(go);
    };
    from.on('data', (bytes) => act(() => to.write(bytes)));
    from.on('close', () =>
      act(() => {
        to.destroy();
        this.#ended();
      }),
    );
    from.on('error', () => from.destroy());
  }
}
