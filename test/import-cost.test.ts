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

  it('makes a process take less than 1.75 times the processor time of one that imports nothing', () => {
    // The bench reports milliseconds. A process that imports nothing is cheaper in newer versions of
    // Node, and the same import more of it: 1.9 to 2.0 times in Node 24.
    const most = process.versions.node.startsWith('20.') ? 1.75 : 2.5;
    expect(built.costOverEmpty('src/index.js', 7)).toBeLessThan(most);
  });
});

describe('the measure', () => {
  it('sees a driver that a subpath loads', () => {
    expect(packagesIn(built.filesLoadedBy('adapters/grpc/index.js'))).toContain('@grpc/grpc-js');
  });
});
