import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { undoAtExit } from '../native/run-folder.js';
import type { Instance } from '../server.js';

const FILE = join(import.meta.dirname, '..', '..', '..', 'docker-compose.test.yml');

/** The address under which a container reaches a server of the tests on this machine. */
export const HOST_FROM_CONTAINER = 'host.docker.internal';

/** Runs one command of the engine and returns what it printed. */
export type RunEngine = (args: readonly string[], env: Readonly<Record<string, string>>) => string;

function runEngine(engine: string): RunEngine {
  return (args, env) =>
    execFileSync(engine, [...args], {
      encoding: 'utf8',
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
}

/**
 * A compose project of its own: the services started from one handle share its network and go away
 * with it. `env` fills the variables of docker-compose.test.yml, host ports among them, so that a
 * stopped container returns on the same port.
 */
export class ComposeProject {
  readonly name: string = `fairlead-${process.pid}-${randomBytes(3).toString('hex')}`;
  readonly #run: RunEngine;
  readonly #env: Readonly<Record<string, string>>;
  readonly #forget: () => void;

  constructor(engine: string, env: Readonly<Record<string, string>>, run: RunEngine = runEngine(engine)) {
    this.#run = run;
    this.#env = env;
    this.#forget = undoAtExit(`${engine} compose -p ${this.name} -f '${FILE}' down -v -t 0`);
  }

  compose(...args: string[]): string {
    return this.#run(['compose', '-p', this.name, '-f', FILE, ...args], this.#env);
  }

  inspect(container: string, format: string): string {
    return this.#run(['inspect', '--format', format, container], this.#env).trim();
  }

  service(name: string): Instance {
    return new ComposeService(this, name);
  }

  /** What a program of this service's image prints, run in a container that is gone afterwards. */
  once(name: string, program: string, ...args: readonly string[]): string {
    try {
      return this.compose('run', '--rm', '--no-deps', '--entrypoint', program, name, ...args);
    } finally {
      this.down();
    }
  }

  down(): void {
    this.compose('down', '-v', '-t', '0');
    this.#forget();
  }
}

/** One service of a project. */
class ComposeService implements Instance {
  readonly #project: ComposeProject;
  readonly #name: string;
  pid: number | undefined;

  constructor(project: ComposeProject, name: string) {
    this.#project = project;
    this.#name = name;
  }

  async start(): Promise<void> {
    // --wait: until the health check of the compose file passes.
    this.#project.compose('up', '-d', '--wait', '--no-deps', this.#name);
    const container = this.#project.compose('ps', '-q', this.#name).trim();
    this.pid = Number(this.#project.inspect(container, '{{.State.Pid}}'));
  }

  async stop(): Promise<void> {
    if (this.pid === undefined) return;
    this.#project.compose('stop', '-t', '10', this.#name);
    this.pid = undefined;
  }

  async kill(): Promise<void> {
    if (this.pid === undefined) return;
    this.#project.compose('kill', this.#name);
    this.pid = undefined;
  }

  async pause(): Promise<void> {
    this.#project.compose('pause', this.#name);
  }

  async resume(): Promise<void> {
    this.#project.compose('unpause', this.#name);
  }

  async wipe(): Promise<void> {
    this.#project.compose('rm', '-f', '-s', '-v', this.#name);
  }

  async dispose(): Promise<void> {
    this.#project.down();
    this.pid = undefined;
  }

  log(): string {
    return this.#project.compose('logs', '--no-color', '--tail', '200', this.#name);
  }
}
