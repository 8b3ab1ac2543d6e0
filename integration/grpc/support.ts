import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server as NetServer, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import {
  type CallOptions,
  type ChannelCredentials,
  type ClientOptions,
  credentials,
  Client as GrpcClient,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js';

const SERVER = fileURLToPath(new URL('./server.mjs', import.meta.url));

export interface ServerSettings {
  readonly id: string;
  readonly port?: number;
  readonly delayMs?: number;
  readonly code?: number;
  readonly tls?: { readonly key: string; readonly cert: string };
  /**
   * What its health service says: 1 serving, 2 not serving. Without it there is no such service.
   */
  readonly health?: number;
  /** Calls that a connection may have at once. */
  readonly streams?: number;
  /** Requests a second and utilization, reported with every answer (ORCA). */
  readonly load?: readonly [number, number];
  /** The same, reported apart from calls. */
  readonly oob?: readonly [number, number];
  /** What happens between message and status of `Half`. */
  readonly breaksOff?: 'hang' | 'die';
  /** Its health service ends each watch in good order. */
  readonly endWatch?: boolean;
}

export interface ServerCounts {
  readonly calls: number;
  /** Requests to watch its health, as bytes in Latin-1. */
  readonly asked: readonly string[];
  /** Open watches. */
  readonly watchers: number;
  /** Connections that calls came over. */
  readonly connections: number;
  /** Server streams whose client is still there. */
  readonly streams: number;
}

/** A gRPC server in a process of its own. */
export class TestServer {
  readonly id: string;
  port = 0;
  #process: ChildProcess | undefined;
  #settings: ServerSettings;

  constructor(settings: ServerSettings) {
    this.id = settings.id;
    this.#settings = settings;
  }

  /** Starts it, again on the port it had before. */
  async start(): Promise<this> {
    const child = fork(SERVER, [JSON.stringify({ ...this.#settings, port: this.port })], { stdio: 'inherit' });
    this.#process = child;
    const [{ port }] = (await once(child, 'message')) as [{ port: number }];
    this.port = port;
    return this;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  get endpoint(): { id: string; host: string; port: number } {
    return { id: this.id, host: '127.0.0.1', port: this.port };
  }

  set(settings: Partial<ServerSettings>): void {
    this.#process?.send(settings);
  }

  async counts(): Promise<ServerCounts> {
    this.#process?.send('calls');
    return ((await once(this.#process!, 'message')) as [ServerCounts])[0];
  }

  async calls(): Promise<number> {
    return (await this.counts()).calls;
  }

  signal(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }

  /** SIGKILL, unless another signal is told; returns when the process is gone. */
  async stop(how: NodeJS.Signals | 'drain' = 'SIGKILL'): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    if (how === 'drain') child.send('drain');
    else child.kill(how);
    await gone;
  }
}

/** Starts servers named a, b, c, …; the caller stops them. */
export function startServers(count: number, settings: Omit<ServerSettings, 'id'> = {}): Promise<TestServer[]> {
  const ids = Array.from({ length: count }, (_, i) => String.fromCharCode(97 + i));
  return Promise.all(ids.map((id) => new TestServer({ ...settings, id }).start()));
}

export interface Answer {
  readonly id: string;
  readonly pid: number;
  readonly attempt: number;
  readonly authority: string;
  readonly traceparent?: string;
  readonly n?: number;
  readonly count?: number;
  readonly echo?: unknown;
}

const write = (value: object): Buffer => Buffer.from(JSON.stringify(value));
const read = (bytes: Buffer): Answer => JSON.parse(bytes.toString());

/** A client of `server.mjs`. */
export class EchoClient extends GrpcClient {
  constructor(target: string, options: ClientOptions = {}, creds: ChannelCredentials = credentials.createInsecure()) {
    super(target, creds, options);
  }

  unary(
    request: object = {},
    metadata: Metadata = new Metadata(),
    options: CallOptions = {},
    method: 'Unary' | 'Half' = 'Unary',
  ): Promise<Answer> {
    const deadline = Date.now() + 20_000;
    return new Promise((resolve, reject) => {
      this.makeUnaryRequest(
        `/test.Echo/${method}`,
        write,
        read,
        request,
        metadata,
        { deadline, ...options },
        (error, value) => (error ? reject(error) : resolve(value!)),
      );
    });
  }

  async serverStream(request: object, seen?: (answer: Answer) => void): Promise<Answer[]> {
    const answers: Answer[] = [];
    const stream = this.makeServerStreamRequest('/test.Echo/Server', write, read, request, new Metadata());
    for await (const answer of stream as AsyncIterable<Answer>) {
      answers.push(answer);
      seen?.(answer);
    }
    return answers;
  }

  clientStream(messages: readonly object[]): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const stream = this.makeClientStreamRequest('/test.Echo/Client', write, read, new Metadata(), (error, value) =>
        error ? reject(error) : resolve(value!),
      );
      for (const message of messages) stream.write(message);
      stream.end();
    });
  }

  async bidi(messages: readonly object[]): Promise<Answer[]> {
    const stream = this.makeBidiStreamRequest('/test.Echo/Bidi', write, read, new Metadata());
    for (const message of messages) stream.write(message);
    stream.end();
    const answers: Answer[] = [];
    for await (const answer of stream as AsyncIterable<Answer>) answers.push(answer);
    return answers;
  }
}

/** How many answers came from which server. */
export function tally(answers: readonly Answer[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { id } of answers) counts[id] = (counts[id] ?? 0) + 1;
  return counts;
}

/**
 * Calls at a constant concurrency until told to stop, or disposed of: a step that fails before must
 * not leave it running.
 */
export class Load implements AsyncDisposable {
  ok = 0;
  readonly errors: ServiceError[] = [];
  readonly #running: Promise<void>[];
  #stopped = false;

  constructor(call: () => Promise<unknown>, concurrency: number) {
    const worker = async (): Promise<void> => {
      while (!this.#stopped) {
        try {
          await call();
          this.ok++;
        } catch (error) {
          this.errors.push(error as ServiceError);
          // A closed client refuses at once: without a turn nothing else would run any more.
          await new Promise(setImmediate);
        }
      }
    };
    this.#running = Array.from({ length: concurrency }, worker);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#running);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** For the message of an assertion. */
  get summary(): string {
    return `${this.ok} ok, ${this.errors.length} failed: ${[...new Set(this.errors.map((e) => e.message))].join(' | ')}`;
  }
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until it holds; fails loudly otherwise. */
export async function until(holds: () => boolean | Promise<boolean>, what: string, withinMs = 10_000): Promise<void> {
  const end = Date.now() + withinMs;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`not within ${withinMs} ms: ${what}`);
    await sleep(10);
  }
}

/** Accepts connections and never says a word, as a stopped process does. */
export class Mute {
  readonly sockets: Set<Socket> = new Set();
  accepted = 0;
  readonly #server: NetServer = createServer((socket) => {
    this.accepted++;
    this.sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => this.sockets.delete(socket));
    socket.resume();
  });
  port = 0;

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.port = (this.#server.address() as { port: number }).port;
    return this;
  }

  get endpoint(): { id: string; host: string; port: number } {
    return { id: 'mute', host: '127.0.0.1', port: this.port };
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
