import { readFileSync, statSync } from 'node:fs';
import { relative } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { BuiltPackage } from './support/import-cost.js';

const built = new BuiltPackage();
afterAll(() => built[Symbol.dispose]());

/**
 * Names of the installed packages among `files`, without that of the session table: loaded late, it
 * would be missing from programs that a bundler made.
 */
function packagesIn(files: readonly string[]): string[] {
  const names = files.flatMap(
    (file) => /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules\/)/.exec(file)?.[1] ?? [],
  );
  return [...new Set(names)].filter((name) => name !== '.cache' && name !== 'lru-cache').sort();
}

/** Files of the package itself, without the probe. */
const ownOf = (files: readonly string[]): string[] =>
  files.filter((file) => file.includes('/import-cost-') && !file.endsWith('/probe.js'));

describe("import 'fairlead'", () => {
  const { files, builtins } = built.loadedBy('src/index.js');

  it('loads no package at all: drivers, the session table and the hash ring are loaded when they are needed', () => {
    expect(packagesIn(files)).toEqual([]);
    expect(files.some((file) => relative('.', file).endsWith('src/index.js'))).toBe(true);
  });

  it('loads no module of Node that takes milliseconds', () => {
    // The probe itself runs with these loaded or not; what counts is what the import adds.
    // (`perf_hooks`, 1 ms, comes with the session table.)
    const dear = [
      'crypto',
      'stream',
      'fs/promises',
      'module',
      'http',
      'https',
      'http2',
      'tls',
      'net',
      'dns',
      'child_process',
      'zlib',
    ];
    expect(dear.filter((name) => builtins.includes(name))).toEqual([]);
  });

  it('makes a process take less than 1.75 times the processor time of one that imports nothing', () => {
    // The bench reports milliseconds. A process that imports nothing is cheaper in newer versions
    // of Node, and the same import more of it: 1.9 to 2.0 times in Node 24.
    const most = process.versions.node.startsWith('20.') ? 1.75 : 2.5;
    expect(built.costOverEmpty('src/index.js', 7)).toBeLessThan(most);
  });
});

describe('a door', () => {
  // Each file costs about half a millisecond, each 100 KiB about three more.
  it.each<[door: string, files: number, kib: number, packages: readonly string[]]>([
    ['src/index.js', 4, 267, []],
    ['src/resilience/index.js', 3, 266, []],
    ['src/hashing/index.js', 2, 50, []],
    ['src/adapter.js', 4, 303, []],
    ['src/routing/index.js', 5, 302, []],
    ['src/config/index.js', 9, 381, []],
    ['src/discovery/dns/index.js', 4, 275, []],
    ['src/testing/index.js', 5, 307, []],
    ['adapters/prometheus/index.js', 6, 339, []],
    ['adapters/otel/index.js', 6, 354, ['@opentelemetry/api']],
  ])('%s loads at most %i files of ours, %i KiB, and no packages but its own', (door, most, kib, packages) => {
    const files = built.filesLoadedBy(door);
    const own = ownOf(files);
    expect(own.length).toBeLessThanOrEqual(most);
    expect(own.reduce((sum, file) => sum + statSync(file).size, 0) / 1_024).toBeLessThan(kib);
    expect(packagesIn(files)).toEqual(packages);
  });

  it.each([
    ['adapters/grpc/index.js', 4, 328, '@grpc/grpc-js'],
    ['adapters/redis/index.js', 4, 398, 'ioredis'],
    ['adapters/mysql/index.js', 5, 377, 'mysql2'],
    ['adapters/http/index.js', 4, 294, 'undici'],
  ])('%s loads at most %i files of ours, %i KiB, and its driver', (door, most, kib, driver) => {
    const files = built.filesLoadedBy(door);
    const own = ownOf(files);
    expect(own.length).toBeLessThanOrEqual(most);
    expect(own.reduce((sum, file) => sum + statSync(file).size, 0) / 1_024).toBeLessThan(kib);
    expect(packagesIn(files)).toContain(driver);
  });

  it('of MySQL leaves mysql2/promise until it is used', () => {
    const files = built.filesLoadedBy('adapters/mysql/index.js');
    expect(files.filter((file) => /mysql2\/(?:lib\/)?promise/.test(file))).toEqual([]);
  });

  it('has no character beyond Latin-1, with which V8 would keep, and read, two bytes for each of a file', () => {
    const wide = ownOf(built.filesLoadedBy('adapters/redis/index.js')).filter((file) =>
      /[^\0-\xff]/.test(readFileSync(file, 'utf8')),
    );
    expect(wide).toEqual([]);
  });

  it('keeps the names of its classes and functions, which stack traces show, and a source map', () => {
    const core = built.filesLoadedBy('src/index.js').find((file) => file.endsWith('/core.js'))!;
    const text = readFileSync(core, 'utf8');
    for (const name of [/\bLiveService=class\b/, /\bEjection=class\b/, /\bfunction computeRotation\(/])
      expect(text).toMatch(name);
    const map = JSON.parse(readFileSync(`${core}.map`, 'utf8')) as { sources: string[] };
    expect(map.sources.some((source) => source.endsWith('src/service/service.ts'))).toBe(true);
  });
});
