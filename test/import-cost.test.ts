import { statSync } from 'node:fs';
import { relative } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { BuiltPackage } from './support/import-cost.js';

const built = new BuiltPackage();
afterAll(() => built[Symbol.dispose]());

/** Names of the installed packages among `files`. */
function packagesIn(files: readonly string[]): string[] {
  const names = files.flatMap(
    (file) => /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules\/)/.exec(file)?.[1] ?? [],
  );
  return [...new Set(names)].filter((name) => name !== '.cache').sort();
}

describe("import 'fairlead'", () => {
  const files = built.filesLoadedBy('src/index.js');

  it('loads no driver, no Consul client, no validator: of all packages only the session table and the hash ring', () => {
    const allowed = ['connection-parse', 'hashring', 'lru-cache', 'simple-lru-cache'];
    expect(packagesIn(files).filter((name) => !allowed.includes(name))).toEqual([]);
    expect(files.some((file) => relative('.', file).endsWith('src/index.js'))).toBe(true);
  });

  it('loads few and small files, which is what keeps it fast', () => {
    // Each file costs about half a millisecond, each 100 KiB about a millisecond more.
    expect(files.length).toBeLessThanOrEqual(20);
    expect(files.reduce((sum, file) => sum + statSync(file).size, 0)).toBeLessThan(700 * 1024);
  });

  it('takes less than 25 ms more than an empty module', () => {
    // Processor time, and the least of several: other work on the machine can only add to a
    // measurement. The bench reports medians.
    const times = built.cost('src/index.js', 9).map((cost) => cost.cpuMs);
    expect(Math.min(...times)).toBeLessThan(25);
  });
});

describe('the measure', () => {
  it('sees a driver that a subpath loads', () => {
    expect(packagesIn(built.filesLoadedBy('adapters/grpc/index.js'))).toContain('@grpc/grpc-js');
  });
});
