import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientOrder, ClientTask } from './client.js';

const PROGRAM = join(import.meta.dirname, 'client.ts');

/** The parent's side of one client process. */
export class ClientProcess {
  readonly task: ClientTask;
  readonly #child: ChildProcess;
  readonly #said: string[] = [];
  #stderr = '';

  constructor(task: ClientTask) {
    this.task = task;
    this.#child = fork(PROGRAM, [JSON.stringify(task)], {
      execArgv: ['--import', 'tsx', '--conditions=fairlead-source', '--expose-gc'],
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    });
    this.#child.on('message', (message) => this.#said.push(String(message)));
    this.#child.on('error', () => {});
    this.#child.stderr!.on('data', (bytes: Buffer) => {
      this.#stderr = (this.#stderr + bytes.toString()).slice(-4_000);
    });
  }

  /** What it wrote to its standard error. */
  get stderr(): string {
    return this.#stderr;
  }

  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Resolves whether it said so within the time. */
  async says(what: string, withinMs: number): Promise<boolean> {
    const until = performance.now() + withinMs;
    while (!this.#said.includes(what)) {
      if (performance.now() > until || !this.alive || this.#said.includes('failed')) return false;
      await sleep(20);
    }
    return true;
  }

  order(order: ClientOrder): void {
    if (this.alive && this.#child.connected) this.#child.send(order, () => {});
  }

  pause(): void {
    this.#child.kill('SIGSTOP');
  }

  resume(): void {
    this.#child.kill('SIGCONT');
  }

  async kill(): Promise<void> {
    if (!this.alive) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exit;
  }

  /** Resolves whether it ended by itself within the time, and ends it otherwise. */
  async ends(withinMs: number): Promise<boolean> {
    if (!this.alive) return true;
    const late = new Promise<false>((resolve) => setTimeout(resolve, withinMs, false));
    const ended = await Promise.race([once(this.#child, 'exit').then(() => true), late]);
    if (!ended) await this.kill();
    return ended;
  }
}
