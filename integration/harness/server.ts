import { until } from './until.js';

/** The slowest, three database servers at once on two busy cores, takes a third of it. */
const UP_WITHIN_MS = 45_000;

/** One running server program, wherever it runs: a process of this machine, or a container. */
export interface Instance {
  /**
   * Process id; that of the container's first process when it runs in one. Undefined while it is
   * down.
   */
  readonly pid: number | undefined;
  start(): Promise<void>;
  /** Asks it to end and waits until it has; its data stay. */
  stop(): Promise<void>;
  /** Ends it without warning (SIGKILL) and waits until it is gone; its data stay. */
  kill(): Promise<void>;
  /** Freezes it (SIGSTOP): connections stay open and nothing answers. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Removes its data; it must be down. */
  wipe(): Promise<void>;
  /** Ends it and removes everything that belonged to it. */
  dispose(): Promise<void>;
  /** What it wrote to its log, for error messages. */
  log(): string;
}

/** What every server of the harness offers; each kind adds what its tests need. */
export abstract class Server implements AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly #instance: Instance;

  protected constructor(instance: Instance, host: string, port: number) {
    this.#instance = instance;
    this.host = host;
    this.port = port;
  }

  /** `host:port` */
  get address(): string {
    return `${this.host}:${this.port}`;
  }

  /** Process id while it runs. */
  get pid(): number {
    const pid = this.#instance.pid;
    if (pid === undefined) throw new Error(`${this.constructor.name} on ${this.address} is not running`);
    return pid;
  }

  get running(): boolean {
    return this.#instance.pid !== undefined;
  }

  /**
   * Asks it to end and waits until it has; `restart()` brings it back on the same port with what it
   * had stored.
   */
  stop(): Promise<void> {
    return this.#instance.stop();
  }

  /** SIGKILL; waits until it is gone. */
  kill(): Promise<void> {
    return this.#instance.kill();
  }

  /** SIGSTOP: connections stay open, nothing answers. */
  pause(): Promise<void> {
    return this.#instance.pause();
  }

  /** SIGCONT */
  resume(): Promise<void> {
    return this.#instance.resume();
  }

  /**
   * Starts it again on the same port, ending it first if it runs; with `wipe`, with nothing of what
   * it had stored. Returns when it serves.
   */
  async restart(options: { wipe?: boolean } = {}): Promise<void> {
    await this.#instance.stop();
    if (options.wipe) await this.#instance.wipe();
    await this.start();
  }

  /** What it has written to its log. */
  log(): string {
    return this.#instance.log();
  }

  /** Starts the program and waits until it serves. */
  protected async start(): Promise<void> {
    await this.#instance.start();
    try {
      await this.ready();
    } catch (error) {
      const tail = this.#instance.log().split('\n').slice(-15).join('\n');
      throw new Error(`${this.constructor.name} on ${this.address} did not come up; the end of its log:\n${tail}`, {
        cause: error,
      });
    }
  }

  /** Waits for a sign of the starting server; gives up at once when its program has ended. */
  protected untilUp<T>(what: string, look: () => T | Promise<T>): Promise<NonNullable<T>> {
    return until(what, look, UP_WITHIN_MS, () => !this.running);
  }

  /** Resolves once the server answers as its clients need it to. */
  protected abstract ready(): Promise<void>;

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#instance.dispose();
  }
}
