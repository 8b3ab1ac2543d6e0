import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { KeyRing, type KeyRingOptions } from 'fairlead/hashing';
import fc from 'fast-check';
import HashRing from 'hashring';
import { describe, expect, it } from 'vitest';
import { hashringPoints, ketamaPoints } from '../../src/hashing/ketama.js';
import { labelCounts } from '../../src/hashing/label-counts.js';

const fixture = (name: string): string =>
  readFileSync(createRequire(import.meta.url).resolve(`hashring/tests/fixtures/${name}`), 'utf8');

function ringOf(weights: Readonly<Record<string, number>>, options?: KeyRingOptions): KeyRing {
  const ring = new KeyRing(options);
  ring.update(Object.entries(weights).map(([id, weight]) => ({ id, weight })));
  return ring;
}

const addresses = (count: number): string[] => Array.from({ length: count }, (_, i) => `10.0.0.${i + 1}:6379`);
const equal = (count: number): Record<string, number> => Object.fromEntries(addresses(count).map((id) => [id, 1]));

describe('ketama placement', () => {
  it.each<[string, Record<string, number>]>([
    ['ketama.txt', { '0.0.0.1': 1, '0.0.0.2': 2, '0.0.0.3': 3, '0.0.0.4': 4, '0.0.0.5': 5 }],
    ['pylibmc.txt', { '0.0.0.1': 1, '0.0.0.2': 1, '0.0.0.3': 1, '0.0.0.4:11213': 1, '0.0.0.5:11212': 1 }],
  ])('places all 100,000 keys of %s, made by other implementations, as they do', (name, weights) => {
    const ids = Object.keys(weights);
    const ring = ringOf(weights, { compatibility: 'hashring' });
    const wrong = fixture(name)
      .split('\n')
      .filter((line) => line !== '')
      .filter((line) => {
        const [key, server] = line.split(' ') as [string, string];
        // The fixture writes the default port, 11211, nowhere but in its list of servers.
        return ids[ring.lookup(key)] !== server.replace(':11211', '');
      });
    expect(wrong).toEqual([]);
  });

  it('places a key and its point as libmemcached does for weighted servers', () => {
    const weights = { 1: 600, 2: 300, 3: 200, 4: 350, 5: 1_000, 6: 800, 7: 950, 8: 100 };
    const servers = Object.fromEntries(Object.entries(weights).map(([n, weight]) => [`10.0.1.${n}`, weight]));
    const ring = ringOf(servers, { compatibility: 'libmemcached' });
    for (const [key, hash, point, server] of JSON.parse(fixture('libmemcached.json'))) {
      expect(ring.hash(key) >>> 0).toBe(hash);
      expect(ring.ring.points[ring.ring.find(ring.hash(key))]).toBe(point);
      expect(Object.keys(servers)[ring.lookup(key)]).toBe(server);
    }
  });

  it.each([1, 2, 3, 5, 6, 8, 10, 13])('equals hashring for %i equal servers, point by point', (count) => {
    const theirs = new HashRing(addresses(count)) as unknown as { ring: { value: number; server: string }[] };
    const { ring } = ringOf(equal(count));
    expect([...ring.points]).toEqual(theirs.ring.map((point) => point.value));
    expect([...ring.owners].map((owner) => addresses(count)[owner])).toEqual(theirs.ring.map((point) => point.server));
  });

  it.each([7, 14, 28, 49])('keeps all 160 points per server at %i servers, where hashring loses four', (count) => {
    const theirs = new HashRing(addresses(count)) as unknown as { size: number };
    expect(theirs.size).toBe(156 * count);
    expect(ringOf(equal(count)).ring.points).toHaveLength(160 * count);
    expect(ringOf(equal(count), { compatibility: 'hashring' }).ring.points).toHaveLength(156 * count);
  });

  it('loses labels exactly where the others do', () => {
    const lossy = (compatibility: 'none' | 'hashring' | 'libketama' | 'twemproxy'): number[] =>
      Array.from({ length: 300 }, (_, i) => i + 1).filter(
        (n) => labelCounts(new Array<number>(n).fill(1), 40, compatibility)[0] !== 40,
      );
    expect(lossy('none')).toEqual([]);
    expect(lossy('hashring').slice(0, 8)).toEqual([7, 14, 28, 49, 56, 98, 103, 112]);
    expect(lossy('libketama')).toEqual([61, 122, 237, 244]);
    expect(lossy('twemproxy').slice(0, 8)).toEqual([25, 47, 50, 55, 61, 71, 94, 100]);
  });

  it('has the points of the package for ids of any text and length, and any number of labels', () => {
    const ids = fc.oneof(
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 90 }),
      fc.integer({ min: 40, max: 70 }).map((length) => 'x'.repeat(length)),
      fc.integer({ min: 1_360, max: 1_370 }).map((length) => 'y'.repeat(length)),
      fc.integer({ min: 4_080, max: 4_100 }).map((length) => 'z'.repeat(length)),
    );
    fc.assert(
      fc.property(ids, fc.integer({ min: 1, max: 130 }), (id, labels) => {
        const own = Uint32Array.from(ketamaPoints({ id, labels })).sort();
        expect(own).toEqual(hashringPoints({ id, labels }));
      }),
      { seed: 17, numRuns: 200 },
    );
  });

  it('does not hash anything of what the package parses or looks up by name', () => {
    for (const id of ['__proto__', 'constructor', '[::1]:80', 'a b', '-', ':', 'server']) {
      const expected = Array.from({ length: 4 }, (_, label) =>
        createHash('md5').update(`${id}-${label}`).digest(),
      ).flatMap((digest) => [0, 4, 8, 12].map((at) => digest.readUInt32LE(at)));
      expect([...(ketamaPoints({ id, labels: 4 }) as Uint32Array)]).toEqual(expected);
      expect([...(hashringPoints({ id, labels: 4 }) as Uint32Array)]).toEqual(expected.sort((a, b) => a - b));
    }
    expect(Object.keys(Object.prototype)).toEqual([]);
  });
});
