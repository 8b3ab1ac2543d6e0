import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');

/**
 * The command as it is published, built where its dependencies are found: from the sources each
 * start takes seconds.
 */
export class BuiltCommand implements Disposable {
  readonly #folder: string;

  constructor() {
    const cache = join(ROOT, 'node_modules', '.cache');
    mkdirSync(cache, { recursive: true });
    this.#folder = mkdtempSync(join(cache, 'cli-'));
    execFileSync('npx', ['rolldown', '-c', '-d', this.#folder], { cwd: ROOT, stdio: 'pipe' });
    NODE = [process.execPath, join(this.#folder, 'cli/main.js')];
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

let NODE: readonly string[] = [];

export interface Ran {
  readonly code: number;
  readonly out: string;
}

const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

/** In a terminal of 120 columns, which script(1) makes: with colours, and a screen. */
export function startInTerminal(args: readonly string[], env: Record<string, string> = {}): ChildProcess {
  const command = `stty cols 120 rows 40; exec ${[...NODE, ...args].map(quoted).join(' ')}`;
  return spawn('script', ['-qec', command, '/dev/null'], {
    env: { ...process.env, TERM: 'xterm', NO_COLOR: '', ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}

export async function inTerminal(args: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  return ended(startInTerminal(args, env));
}

/** Without a terminal, as in a pipe. */
export function piped(args: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  return ended(spawn(NODE[0]!, [...NODE.slice(1), ...args], { env: { ...process.env, ...env } }));
}

async function ended(child: ChildProcess): Promise<Ran> {
  const chunks: Buffer[] = [];
  child.stdout!.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr!.on('data', (chunk: Buffer) => chunks.push(chunk));
  const [code] = (await once(child, 'close')) as [number];
  return { code, out: Buffer.concat(chunks).toString().replaceAll('\r\n', '\n') };
}

/** Reads until it has said so, then ends it as a user would. */
export async function untilSaid(child: ChildProcess, what: RegExp): Promise<Ran> {
  let out = '';
  let asked = false;
  child.stdin!.on('error', () => undefined);
  const chunks = (chunk: Buffer): void => {
    out += chunk.toString();
    if (asked || !what.test(out)) return;
    asked = true;
    child.stdin!.write('\u0003');
  };
  child.stdout!.on('data', chunks);
  child.stderr!.on('data', chunks);
  const [code] = (await once(child, 'close')) as [number];
  return { code, out };
}

export function file(name: string, text: string): string {
  const path = join(mkdtempSync(join(tmpdir(), 'fairlead-cli-')), name);
  writeFileSync(path, text);
  return path;
}
