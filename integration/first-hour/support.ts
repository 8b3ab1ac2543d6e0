import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const ROOT: string = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

/** The packed package, as `npm publish` would send it. */
export async function pack(folder: string): Promise<string> {
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: ROOT, maxBuffer: 1e8 });
  const [{ filename }] = JSON.parse(stdout) as [{ filename: string }];
  return join(folder, filename);
}

/** The files of the tutorial: each code block belongs to the file that is named just before it. */
function filesOf(page: string): ReadonlyMap<string, string> {
  const text = readFileSync(join(ROOT, page), 'utf8');
  const blocks = text.matchAll(/^`([\w./]+)`[^\n]*:\n\n```\w+[^\n]*\n([\s\S]*?)^```/gm);
  return new Map([...blocks].map(([, name, code]) => [name!, code!]));
}

/** A folder of a stranger, with the tutorial's files and what they need. */
export class Consumer implements Disposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'fairlead-first-hour-'));

  /** Installs as a user would. */
  async install(packages: readonly string[], types: readonly string[]): Promise<void> {
    writeFileSync(join(this.folder, 'package.json'), '{"private":true,"type":"module"}');
    const quiet = ['--no-audit', '--no-fund', '--prefer-offline', '--ignore-scripts'];
    await run('npm', ['install', ...quiet, ...packages, ...types], { cwd: this.folder, maxBuffer: 1e8 });
  }

  async compile(page: string): Promise<readonly string[]> {
    const files = filesOf(page);
    for (const [name, code] of files) {
      mkdirSync(dirname(join(this.folder, name)), { recursive: true });
      writeFileSync(join(this.folder, name), code);
    }
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    await run(process.execPath, [tsc, '-p', this.folder], { cwd: this.folder }).catch((error: { stdout: string }) => {
      throw new Error(`the tutorial does not compile:\n${error.stdout}`);
    });
    return [...files.keys()];
  }

  start(env: Readonly<Record<string, string>>): Program {
    return new Program([join(this.folder, 'dist/server.js')], { cwd: this.folder, env: { ...process.env, ...env } });
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A child process whose lines are kept. */
export class Program implements AsyncDisposable {
  readonly lines: string[] = [];
  readonly child: ChildProcess;
  readonly ended: Promise<unknown[]>;

  constructor(args: readonly string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}) {
    this.child = spawn(process.execPath, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    this.ended = once(this.child, 'exit');
    for (const stream of [this.child.stdout!, this.child.stderr!]) {
      createInterface({ input: stream }).on('line', (line) => this.lines.push(line));
    }
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
