import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const SERVER = fileURLToPath(new URL('server.ts', import.meta.url));
/**
 * A TypeScript file has to be compiled by a new process before it serves: seconds on a busy
 * machine.
 */
const START_TIMEOUT_MS = 20_000;

/** The servers of the demo, each a process of its own. */
export class Fleet {
  readonly #registry: string;
  readonly #servers = new Map<string, ChildProcess>();
  /** Everyone ever started who may still run, also after a restart under the same name. */
  readonly #running = new Set<ChildProcess>();

  constructor(registry: string) {
    this.#registry = registry;
  }

  /** Resolves once it serves and is registered. */
  async start(id: string, delayMs: number): Promise<void> {
    const child = fork(SERVER, [id, String(delayMs), this.#registry], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#servers.set(id, child);
    this.#running.add(child);
    child.once('exit', () => this.#running.delete(child));
    const signal = AbortSignal.timeout(START_TIMEOUT_MS);
    const died = once(child, 'exit', { signal }).then(() =>
      Promise.reject(new Error(`server ${id} ended at its start`)),
    );
    await Promise.race([once(child, 'message', { signal }), died]);
  }

  /** No goodbye: connections break, and the registry is not told. */
  kill(id: string): void {
    this.#signal(id, 'SIGKILL');
  }

  /**
   * It keeps its connections and answers nothing: the failure that health checks by connection
   * never see.
   */
  hang(id: string): void {
    this.#signal(id, 'SIGSTOP');
  }

  wake(id: string): void {
    this.#signal(id, 'SIGCONT');
  }

  /** Ends all of them, hung ones too, and resolves when none is left. */
  async stop(): Promise<void> {
    const ends = [...this.#running].map((child) => once(child, 'exit'));
    this.stopNow();
    await Promise.all(ends);
  }

  /** As `stop`, for a process that is about to exit itself. */
  stopNow(): void {
    for (const child of this.#running) child.kill('SIGKILL');
  }

  #signal(id: string, signal: NodeJS.Signals): void {
    const child = this.#servers.get(id);
    if (child === undefined) throw new Error(`there is no server ${id}`);
    child.kill(signal);
  }
}
