import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..');

/**
 * Runs in a fresh process: imports one module and prints how long that took and which files it
 * loaded.
 */
const PROBE = `
import { createRequire, register } from 'node:module';
import { MessageChannel } from 'node:worker_threads';
const [target, listing] = process.argv.slice(2);
const loaded = [];
if (listing) {
  const { port1, port2 } = new MessageChannel();
  const hooks = 'let port; export const initialize = (data) => { port = data.port; };' +
    'export const load = (url, context, next) => { port.postMessage(url); return next(url, context); };';
  register('data:text/javascript,' + encodeURIComponent(hooks), { data: { port: port2 }, transferList: [port2] });
  port1.on('message', (url) => loaded.push(url)).unref();
}
const began = performance.now();
const before = process.cpuUsage();
await import(target);
const ms = performance.now() - began;
const { user, system } = process.cpuUsage(before);
if (listing) await new Promise((resolve) => setTimeout(resolve, 50));
const required = Object.keys(createRequire(import.meta.url).cache).map((path) => 'file://' + path);
console.log(JSON.stringify({ ms, cpuMs: (user + system) / 1000, files: [...new Set([...loaded, ...required])].filter((url) => url.startsWith('file:')) }));
`;

/**
 * Elapsed time, and processor time of all threads, which other load on the machine disturbs less.
 */
export interface ImportCost {
  readonly ms: number;
  readonly cpuMs: number;
}

/**
 * The JavaScript as published, built into a folder of its own, from where its dependencies are
 * found.
 */
export class BuiltPackage implements Disposable {
  readonly #folder: string;

  constructor() {
    const cache = join(ROOT, 'node_modules', '.cache');
    mkdirSync(cache, { recursive: true });
    this.#folder = mkdtempSync(join(cache, 'import-cost-'));
    const rolldown = join(ROOT, 'node_modules', '.bin', 'rolldown');
    execFileSync(rolldown, ['-c', '--dir', this.#folder], { cwd: ROOT, stdio: 'pipe' });
    writeFileSync(join(this.#folder, 'package.json'), '{"type":"module"}');
    writeFileSync(join(this.#folder, 'empty.js'), 'export {};');
    writeFileSync(join(this.#folder, 'probe.js'), PROBE);
  }

  /** Paths of all files that importing `module` (such as `src/index.js`) loads. */
  filesLoadedBy(module: string): string[] {
    return this.#probe(module, 'list').files.map((url) => new URL(url).pathname);
  }

  /**
   * What importing `module` costs in each of `runs` new processes, over what an empty module costs
   * in another.
   */
  cost(module: string, runs: number): ImportCost[] {
    return Array.from({ length: runs }, () => {
      const [full, empty] = [this.#probe(module), this.#probe('empty.js')];
      return { ms: full.ms - empty.ms, cpuMs: full.cpuMs - empty.cpuMs };
    });
  }

  #probe(module: string, ...more: string[]): ImportCost & { files: string[] } {
    const args = [join(this.#folder, 'probe.js'), join(this.#folder, module), ...more];
    return JSON.parse(
      execFileSync(process.execPath, args, { encoding: 'utf8', env: { ...process.env, NODE_OPTIONS: '' } }),
    );
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
