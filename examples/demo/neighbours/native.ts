import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** Where the tests' harness keeps the native servers that it fetched. */
const CACHE = fileURLToPath(new URL('../../../.services', import.meta.url));
const START_TIMEOUT_MS = 20_000;
const run = promisify(execFile);

export interface Program {
  /** What starts it, its name last. */
  readonly command: readonly string[];
  /** The unpacked tree that it is of; undefined where it is installed. */
  readonly root: string | undefined;
}

/**
 * A program of this machine, or one that the tests have fetched; undefined where it runs nowhere.
 */
export async function findProgram(name: string, says: RegExp, tree: readonly string[]): Promise<Program | undefined> {
  const installed = (process.env.PATH ?? '').split(':').map((folder): Program => {
    return { command: [join(folder || '.', name)], root: undefined };
  });
  const found = installed.filter(({ command }) => existsSync(command[0]!));
  const [root, path, ...libraries] = tree.map((each, i) => (i === 0 ? join(CACHE, each) : each));
  const fetched = existsSync(join(root!, path!)) ? inTree(root!, path!, libraries) : undefined;
  for (const program of fetched === undefined ? found : [...found, fetched]) {
    const [file, ...args] = program.command as [string, ...string[]];
    const told = await run(file, [...args, '--version'], { timeout: 10_000 }).catch(() => undefined);
    if (told !== undefined && says.test(told.stdout)) return program;
  }
  return undefined;
}

/** By the tree's own loader and libraries: it may be of another Debian than this machine. */
function inTree(root: string, path: string, libraries: readonly string[]): Program | undefined {
  const folders = ['usr/lib', 'lib']
    .map((lib) => join(root, lib))
    .filter((lib) => existsSync(lib))
    .flatMap((lib) => readdirSync(lib).map((name) => join(lib, name)))
    .filter((folder) => folder.endsWith('-linux-gnu'));
  const loader = folders
    .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
    .find((name) => /\/ld-linux.*\.so\.\d+$/.test(name));
  if (loader === undefined) return undefined;
  const all = [...folders, ...libraries.map((each) => join(root, each))].join(':');
  return { command: [loader, '--library-path', all, join(root, path)], root };
}

export async function runProgram({ command }: Program, args: readonly string[]): Promise<void> {
  const [file, ...first] = command as [string, ...string[]];
  await run(file, [...first, ...args]);
}

/** Servers of one kind, and the folder with what they keep. */
export class Processes {
  readonly folder: string;
  readonly #children: ChildProcess[] = [];

  constructor(name: string) {
    this.folder = mkdtempSync(join(tmpdir(), `fairlead-demo-${name}-`));
  }

  /** Resolves once its port takes connections. */
  async start({ command }: Program, args: readonly string[], port: number): Promise<void> {
    const [file, ...first] = command as [string, ...string[]];
    // A group of its own: Ctrl-C shall reach the demo, which then ends it in its turn.
    const child = spawn(file, [...first, ...args], { cwd: this.folder, stdio: 'ignore', detached: true });
    child.on('error', () => {});
    this.#children.push(child);
    const deadline = Date.now() + START_TIMEOUT_MS;
    while (!(await takesConnections(port))) {
      const over = child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
      if (over || Date.now() > deadline) throw new Error(`${command.at(-1)} did not start`);
      await sleep(50);
    }
  }

  async stop(): Promise<void> {
    const ends = this.#children.filter(isRunning).map((child) => once(child, 'exit'));
    for (const child of this.#children) child.kill('SIGKILL');
    await Promise.all(ends);
    rmSync(this.folder, { recursive: true, force: true });
  }

  stopNow(): void {
    for (const child of this.#children) child.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function isRunning({ exitCode, signalCode, pid }: ChildProcess): boolean {
  return exitCode === null && signalCode === null && pid !== undefined;
}

async function takesConnections(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** One that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
