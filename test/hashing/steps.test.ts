import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KeyRing, type KeyRingServer } from '../../src/hashing/key-ring.js';
import { type Pairs, radixSort } from '../../src/hashing/radix-sort.js';
import { finish } from '../../src/hashing/steps.js';

const named = (count: number): KeyRingServer[] =>
  Array.from({ length: count }, (_, i) => ({ id: `10.0.${i >> 8}.${i & 255}:6379`, weight: 1 }));

function stepsOf(work: Iterator<void, unknown>): number {
  let steps = 1;
  while (work.next().done !== true) steps++;
  return steps;
}

describe('radix sort', () => {
  it('sorts by key and keeps the order of equal keys, in steps of any size', () => {
    const key = fc.oneof(fc.integer({ min: 0, max: 0xffff_ffff }), fc.constantFrom(0, 7, 2_047, 2_048, 0xffff_ffff));
    fc.assert(
      fc.property(fc.array(key, { maxLength: 200 }), fc.integer({ min: 1, max: 250 }), (keys, step) => {
        const pairs: Pairs = { keys: Uint32Array.from(keys), values: Uint32Array.from(keys, (_, i) => i) };
        const sorted = finish(radixSort(pairs, step));
        const expected = keys.map((each, i) => [each, i] as const).sort(([a, i], [b, j]) => a - b || i - j);
        expect([...sorted.keys]).toEqual(expected.map(([each]) => each));
        expect([...sorted.values]).toEqual(expected.map(([, i]) => i));
      }),
      { seed: 17 },
    );
  });
});

describe('a key ring updated in steps', () => {
  it.each(['ketama', 'murmur3'] as const)('is the ring that an update at once makes: %s', (hash) => {
    const [stepped, atOnce] = [new KeyRing({ hash }), new KeyRing({ hash })];
    const all = named(2_000);
    for (const servers of [all, all.toSpliced(700, 300), all.toReversed()]) {
      finish(stepped.updateInSteps(servers));
      atOnce.update(servers);
      expect(Buffer.from(stepped.ring.points.buffer).equals(Buffer.from(atOnce.ring.points.buffer))).toBe(true);
      expect(Buffer.from(stepped.ring.owners.buffer).equals(Buffer.from(atOnce.ring.owners.buffer))).toBe(true);
    }
  });

  it('is the old one until the last step', () => {
    const ring = new KeyRing();
    ring.update(named(3));
    const { ring: before } = ring;
    const work = ring.updateInSteps(named(1_000));
    while (work.next().done !== true) expect(ring.ring).toBe(before);
    expect(ring.ring.points).toHaveLength(160_000);
  });

  it('takes a step for 200 new servers, and a few for the points', () => {
    expect(stepsOf(new KeyRing().updateInSteps(named(100)))).toBe(1);
    // 200,000 labels, and 800,000 points that are counted, moved three times and indexed.
    const ring = new KeyRing();
    const first = stepsOf(ring.updateInSteps(named(5_000)));
    expect(first).toBeGreaterThan(40);
    expect(first).toBeLessThan(60);
    // One that leaves: the points are passed over three times.
    expect(stepsOf(ring.updateInSteps(named(5_000).toSpliced(2_500, 1)))).toBeLessThan(16);
  });
});
