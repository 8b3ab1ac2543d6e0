import { isIPv6 } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hashIp } from '../../../src/balancing/hashing/ip-prefix.js';
import { fillMaglev } from '../../../src/hashing/maglev.js';
import { RendezvousTable } from '../../../src/hashing/rendezvous.js';

const ids = (count: number): string[] => Array.from({ length: count }, (_, i) => `backend-${i}`);

function entries(table: Uint32Array, count: number): number[] {
  const counts = new Array<number>(count).fill(0);
  for (const owner of table) counts[owner]!++;
  return counts;
}

describe('maglev table', () => {
  it('gives weights 1 and 2 exactly 21,846 and 43,691 of 65,537 entries, as Envoy documents', () => {
    expect(entries(fillMaglev(['a', 'b'], [1, 2], 65_537), 2)).toEqual([21_846, 43_691]);
  });

  it.each([65_537, 655_373])('gives 1,000 equal endpoints shares that differ by one entry at most, of %i', (size) => {
    const counts = entries(fillMaglev(ids(1_000), new Array(1_000).fill(1), size), 1_000);
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
  });

  it.each([
    [65_537, 0.01, 0.05],
    [655_373, 0.01, 0.015],
  ])('moves few entries between survivors when endpoints fail: %i', (size, failed, mostUnneeded) => {
    const all = ids(1_000);
    const left = all.slice(0, Math.round(1_000 * (1 - failed)));
    const before = fillMaglev(
      all,
      all.map(() => 1),
      size,
    );
    const after = fillMaglev(
      left,
      left.map(() => 1),
      size,
    );
    let unneeded = 0;
    for (let i = 0; i < size; i++) if (before[i]! < left.length && before[i] !== after[i]) unneeded++;
    expect(unneeded / size).toBeLessThan(mostUnneeded);
    expect(unneeded).toBeGreaterThan(0);
  });
});

describe('rendezvous table', () => {
  const hashes = Array.from({ length: 100_000 }, (_, i) => Math.imul(i, 0x9e3779b1));

  it('moves the keys of an endpoint that goes, spread over all others, and no other key', () => {
    const all = new RendezvousTable(ids(10), new Array(10).fill(1));
    const left = new RendezvousTable(ids(9), new Array(9).fill(1));
    const gained = new Array<number>(9).fill(0);
    for (const hash of hashes) {
      const before = all.seek(hash);
      if (before === 9) gained[left.seek(hash)]!++;
      else expect(left.seek(hash)).toBe(before);
    }
    expect(Math.min(...gained)).toBeGreaterThan(0.85 * (10_000 / 9));
  });

  it('shares keys out by weight, and a changed weight moves keys to or from that endpoint only', () => {
    const before = new RendezvousTable(ids(4), [1, 2, 3, 4]);
    const after = new RendezvousTable(ids(4), [1, 2, 1.5, 4]);
    const counts = new Array<number>(4).fill(0);
    for (const hash of hashes) {
      const owner = before.seek(hash);
      counts[owner]!++;
      if (after.seek(hash) !== owner) expect(owner).toBe(2);
    }
    for (const [i, count] of counts.entries()) expect(count / 10_000).toBeCloseTo(i + 1, 0.7);
  });

  it('names every endpoint once before it starts again', () => {
    for (const weights of [new Array<number>(7).fill(1), [1, 2, 3, 4, 5, 6, 7]]) {
      const table = new RendezvousTable(ids(7), weights);
      for (const hash of hashes.slice(0, 100)) {
        const walk: number[] = [];
        for (let cursor = table.seek(hash); walk.length < 8; cursor = table.advance(cursor, hash)) walk.push(cursor);
        expect(new Set(walk.slice(0, 7)).size).toBe(7);
        expect(walk[7]).toBe(walk[0]);
      }
    }
  });
});

describe('ip prefix', () => {
  const same = (a: string | Uint8Array, b: string | Uint8Array, v4 = 32, v6 = 64): boolean =>
    hashIp(a, v4, v6) === hashIp(b, v4, v6);

  it('takes all writings of one address for the same', () => {
    expect(same('::ffff:10.1.2.3', '10.1.2.3')).toBe(true);
    expect(same('::FFFF:0a01:0203', '10.1.2.3')).toBe(true);
    expect(same(Uint8Array.of(10, 1, 2, 3), '10.1.2.3')).toBe(true);
    expect(same('[2001:db8::1]', '2001:0db8:0:0:0:0:0:1', 32, 128)).toBe(true);
    expect(same('fe80::1%eth0', 'fe80::1', 32, 128)).toBe(true);
    expect(same('10.1.2.3:5001', '10.1.2.3')).toBe(true);
    expect(same('[2001:db8::1]:5001', '2001:db8::1', 32, 128)).toBe(true);
    expect(same('[::ffff:10.1.2.3]:5001', '10.1.2.3')).toBe(true);
    expect(same('fe80::1', 'fe80::2', 32, 128)).toBe(false);
    expect(same('10.1.2.3', '10.1.2.4')).toBe(false);
  });

  it('keeps the clients of one network together', () => {
    expect(same('10.1.2.3', '10.1.2.250', 24)).toBe(true);
    expect(same('10.1.2.3', '10.1.3.3', 24)).toBe(false);
    expect(same('10.1.2.130', '10.1.2.200', 25)).toBe(true);
    expect(same('10.1.2.127', '10.1.2.128', 25)).toBe(false);
    expect(same('2001:db8:0:1::1', '2001:db8:0:1:ffff::')).toBe(true);
    expect(same('2001:db8:0:1::1', '2001:db8:0:2::1')).toBe(false);
  });

  it('reads every IPv6 address that Node takes for one as the same 16 bytes, and no other text as an address', () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const url = new URL(`http://[${text}]/`).hostname.slice(1, -1);
        expect(same(text, url, 32, 128)).toBe(true);
      }),
      { numRuns: 500 },
    );
    // All addresses are the same under a prefix of one bit with the same first bit: a text that is
    // none is not.
    const isAddress = (text: string): boolean =>
      [0x00, 0x80].some((bit) => same(text, new Uint8Array(16).fill(bit, 0, 1), 32, 1));
    const alphabet = fc.constantFrom(...'0123fF:::..');
    fc.assert(
      fc.property(fc.string({ unit: alphabet, maxLength: 24 }), (text) => {
        fc.pre(text.includes(':') && !/ffff:/i.test(text));
        expect(isAddress(text)).toBe(isIPv6(text));
      }),
      { numRuns: 3_000 },
    );
  });

  it('takes any other key as it is', () => {
    for (const key of [
      '',
      'user:1',
      '::x',
      '1.2.3',
      '1.2.3.4.5',
      '256.1.1.1',
      '1.2.3.4'.repeat(1_000),
      '[::1',
      '__proto__',
    ]) {
      expect(Number.isInteger(hashIp(key, 32, 64))).toBe(true);
    }
    expect(same('1.2.3', '1.2.4')).toBe(false);
  });
});
