import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Instance } from '../server.js';
import { serverFolder, undoAtExit } from './run-folder.js';

/** Time to end after SIGTERM; a database flushes its pages in well under a second here. */
const STOP_WITHIN_MS = 10_000;

export interface ProcessSpec {
  readonly name: string;
  /** Program and arguments; `data` is its data folder, which exists. */
  command(data: string): readonly string[];
  /** Fills the empty data folder, before the first start and after each wipe. */
  prepare?(data: string): void | Promise<void>;
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * A server as a process of this machine: detached, with its own data folder, ended by its process
 * id.
 */
export class NativeProcess implements Instance {
  readonly #spec: ProcessSpec;
  readonly #folder: string;
  #child: ChildProcess | undefined;
  #prepared = false;

  constructor(spec: ProcessSpec) {
    this.#spec = spec;
    this.#folder = serverFolder(spec.name);
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get data(): string {
    return join(this.#folder, 'data');
  }

  async start(): Promise<void> {
    if (this.#child) throw new Error(`${this.#spec.name} already runs`);
    if (!this.#prepared) {
      mkdirSync(this.data, { recursive: true });
      await this.#spec.prepare?.(this.data);
      this.#prepared = true;
    }
    const [program, ...args] = this.#spec.command(this.data) as [string, ...string[]];
    const log = openSync(join(this.#folder, 'log'), 'a');
    const child = spawn(program, args, {
      cwd: this.#folder,
      detached: true,
      stdio: ['ignore', log, log],
      env: { ...process.env, ...this.#spec.env },
    });
    closeSync(log);
    // An event, or an error (a program that is not there): 'spawn' rejects with it.
    await once(child, 'spawn');
    child.unref();
    this.#child = child;
    const forget = undoAtExit(`kill -KILL ${child.pid}`);
    child.once('exit', () => {
      forget();
      if (this.#child === child) this.#child = undefined;
    });
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (!child) return;
    child.kill('SIGCONT');
    await this.#end(child, 'SIGTERM');
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child) await this.#end(child, 'SIGKILL');
  }

  async pause(): Promise<void> {
    this.#running().kill('SIGSTOP');
  }

  async resume(): Promise<void> {
    this.#running().kill('SIGCONT');
  }

  async wipe(): Promise<void> {
    await rm(this.data, { recursive: true, force: true });
    this.#prepared = false;
  }

  async dispose(): Promise<void> {
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }

  log(): string {
    try {
      return readFileSync(join(this.#folder, 'log'), 'utf8');
    } catch {
      return '';
    }
  }

  #running(): ChildProcess {
    if (!this.#child) throw new Error(`${this.#spec.name} is not running`);
    return this.#child;
  }

  async #end(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const gone = once(child, 'exit');
    child.ref();
    child.kill(signal);
    if (signal === 'SIGTERM') {
      const timer = new AbortController();
      const late = sleep(STOP_WITHIN_MS, true, { signal: timer.signal }).catch(() => false);
      if (await Promise.race([gone.then(() => false), late])) child.kill('SIGKILL');
      timer.abort();
    }
    await gone;
  }
}
