import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const PROGRAM = join(import.meta.dirname, 'server.ts');
const DRAINS_WITHIN_MS = 1_500;

/** The parent's side of a server; what it offers is what the faults of processes need. */
export class ServerProcess {
  readonly id: string;
  readonly port: number;
  readonly #file: string;
  #child: ChildProcess | undefined;

  constructor(id: string, port: number, file: string) {
    this.id = id;
    this.port = port;
    this.#file = file;
  }

  get running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async start(): Promise<void> {
    const settings = JSON.stringify({ id: this.id, port: this.port, file: this.#file });
    const child = fork(PROGRAM, [settings], { execArgv: ['--import', 'tsx', '--conditions=fairlead-source'] });
    this.#child = child;
    await Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(() => Promise.reject(new Error(`server ${this.id} did not start`))),
    ]);
  }

  tell(message: string): void {
    if (this.running) this.#child!.send(message, () => {});
  }

  async pause(): Promise<void> {
    this.#child?.kill('SIGSTOP');
  }

  async resume(): Promise<void> {
    this.#child?.kill('SIGCONT');
  }

  async kill(): Promise<void> {
    if (!this.running) return;
    const gone = once(this.#child!, 'exit');
    this.#child!.kill('SIGKILL');
    await gone;
  }

  /** In good order: GOAWAY, and what is under way may end. */
  async stop(): Promise<void> {
    if (!this.running) return;
    await this.resume();
    this.tell('drain');
    const gone = once(this.#child!, 'exit');
    const timer = setTimeout(() => void this.kill(), DRAINS_WITHIN_MS);
    await gone;
    clearTimeout(timer);
  }

  async restart(): Promise<void> {
    await this.kill();
    await this.start();
  }
}
