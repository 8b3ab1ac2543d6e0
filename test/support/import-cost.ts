import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..');

/**
 * Runs in a fresh process: imports one module and prints how long that took and which files it
 * loaded.
 */
const PROBE = `
const [target, listing] = process.argv.slice(2);
const before = new Set(process.moduleLoadList);
const loaded = [];
if (listing) {
  const { register } = process.getBuiltinModule('node:module');
  const { MessageChannel } = process.getBuiltinModule('node:worker_threads');
  const { port1, port2 } = new MessageChannel();
  const hooks = 'let port; export const initialize = (data) => { port = data.port; };' +
    'export const load = (url, context, next) => { port.postMessage(url); return next(url, context); };';
  register('data:text/javascript,' + encodeURIComponent(hooks), { data: { port: port2 }, transferList: [port2] });
  port1.on('message', (url) => loaded.push(url)).unref();
}
await import(target);
const { user, system } = process.cpuUsage();
const builtins = process.moduleLoadList.filter((name) => !before.has(name)).map((name) => name.replace('NativeModule ', ''));
if (listing) await new Promise((resolve) => setTimeout(resolve, 50));
const { createRequire } = process.getBuiltinModule('node:module');
const required = Object.keys(createRequire(import.meta.url).cache).map((path) => 'file://' + path);
console.log(JSON.stringify({ cpuMs: (user + system) / 1000, builtins, files: [...new Set([...loaded, ...required])].filter((url) => url.startsWith('file:')) }));
`;

/**
 * The JavaScript as published, built into a folder of its own, from where its dependencies are
 * found.
 */
export class BuiltPackage implements Disposable {
  readonly folder: string;

  constructor() {
    const cache = join(ROOT, 'node_modules', '.cache');
    mkdirSync(cache, { recursive: true });
    this.folder = mkdtempSync(join(cache, 'import-cost-'));
    const rolldown = join(ROOT, 'node_modules', '.bin', 'rolldown');
    execFileSync(rolldown, ['-c', '--dir', this.folder], { cwd: ROOT, stdio: 'pipe' });
    writeFileSync(join(this.folder, 'package.json'), '{"type":"module"}');
    writeFileSync(join(this.folder, 'empty.js'), 'export {};');
    writeFileSync(join(this.folder, 'probe.js'), PROBE);
  }

  /** The same, and the modules of Node that it is the first to load. */
  loadedBy(module: string): { readonly files: string[]; readonly builtins: string[] } {
    return { files: this.filesLoadedBy(module), builtins: this.#probe(module).builtins };
  }

  /** Paths of all files that importing `module` (such as `src/index.js`) loads. */
  filesLoadedBy(module: string): string[] {
    return this.#probe(module, 'list').files.map((url) => new URL(url).pathname);
  }

  /**
   * The processor time of all threads that a process takes which imports `module`, over that of one
   * which imports an empty module: the least of `runs` processes each, since other work on the
   * machine can only add to a measurement.
   */
  costOverEmpty(module: string, runs: number): number {
    let [full, empty] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    for (let run = 0; run < runs; run++) {
      full = Math.min(full, this.#probe(module).cpuMs);
      empty = Math.min(empty, this.#probe('empty.js').cpuMs);
    }
    return full / empty;
  }

  #probe(module: string, ...more: string[]): { cpuMs: number; builtins: string[]; files: string[] } {
    const args = [join(this.folder, 'probe.js'), join(this.folder, module), ...more];
    return JSON.parse(
      execFileSync(process.execPath, args, { encoding: 'utf8', env: { ...process.env, NODE_OPTIONS: '' } }),
    );
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
