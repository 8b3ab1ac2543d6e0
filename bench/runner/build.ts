import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..');
const OUT = join(ROOT, 'dist-bench');

/** Suites by name: the files of bench/suites. */
export function suiteNames(): string[] {
  return readdirSync(join(ROOT, 'bench', 'suites'))
    .filter((name) => name.endsWith('.ts'))
    .map((name) => name.slice(0, -3))
    .sort();
}

/**
 * The package as published, and one suite beside it in plain JavaScript: what compiles the sources
 * on the fly would add to every closure. Returns the paths that `Place` needs.
 */
export function build(suite: string): { readonly process: string; readonly suite: string } {
  const rolldown = (config: string, env: NodeJS.ProcessEnv = {}): void => {
    execFileSync(join(ROOT, 'node_modules', '.bin', 'rolldown'), ['-c', config], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ...env },
    });
  };
  rolldown('rolldown.config.ts');
  const inputs = ['bench/runner/contender-process.ts', `bench/suites/${suite}.ts`];
  rolldown('bench/runner/rolldown.config.ts', { BENCH_INPUTS: inputs.join(' ') });
  return { process: join(OUT, 'contender-process.js'), suite: join(OUT, `${suite}.js`) };
}
