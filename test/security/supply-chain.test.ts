import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

interface Locked {
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly peer?: boolean;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly hasInstallScript?: boolean;
}

const read = <T>(name: string): T => JSON.parse(readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8')) as T;
const manifest = read<Record<'dependencies' | 'scripts', Record<string, string>> & { files: string[] }>('package.json');
const { packages } = read<{ packages: Record<string, Locked> }>('package-lock.json');

const production = Object.entries(packages).filter(
  ([path, { dev, devOptional, peer }]) => path !== '' && !dev && !devOptional && !peer,
);

describe('what comes with fairlead', () => {
  it('is these packages and no more: a new one is a decision, not an accident', () => {
    expect(Object.keys(manifest.dependencies).sort()).toEqual(['consul', 'hashring', 'lru-cache']);
    expect(production.map(([path]) => path.replace('node_modules/', '')).sort()).toEqual([
      'connection-parse',
      'consul',
      'hashring',
      'lru-cache',
      'papi',
      'simple-lru-cache',
      'uuid',
    ]);
  });

  it('runs nothing when it is installed', () => {
    const install = ['preinstall', 'install', 'postinstall', 'prepare'];
    expect(Object.keys(manifest.scripts).filter((name) => install.includes(name))).toEqual([]);
    expect(production.filter(([, { hasInstallScript }]) => hasInstallScript === true)).toEqual([]);
  });

  it('is locked to bytes that were seen', () => {
    const unlocked = Object.entries(packages).filter(
      ([path, { resolved, integrity }]) => path !== '' && resolved !== undefined && integrity === undefined,
    );
    expect(unlocked).toEqual([]);
  });

  it('is a list of folders to publish that names no test and no secret', () => {
    expect(manifest.files.every((file) => !/test(?!\.yml)|\.env|\.services|bench|integration/.test(file))).toBe(true);
  });
});
