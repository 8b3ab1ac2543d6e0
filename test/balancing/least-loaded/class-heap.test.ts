import { seededRandom } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { ClassHeap } from '../../../src/balancing/least-loaded/class-heap.js';

/** Takes so many turns of classes that have no call, and so many endpoints each; how many each had. */
function turnsOf(heap: ClassHeap, weights: readonly number[], turns: number, ties: readonly number[]): number[] {
  const taken = weights.map(() => 0);
  for (let turn = 0; turn < turns; turn++) {
    const { top } = heap;
    taken[top]!++;
    heap.took(top, ties[top]!);
  }
  return taken;
}

describe('classes of endpoints', () => {
  it('have the one of the least load for its weight on top, whatever changes', () => {
    const random = seededRandom(5);
    for (let run = 0; run < 20; run++) {
      const weights = Array.from({ length: 1 + random.below(9) }, () => 1 + random.below(5));
      const counts = weights.map(() => random.below(6));
      const heap = new ClassHeap(weights, counts);
      const load = (at: number): number => counts[at]! / weights[at]!;
      for (let change = 0; change < 60; change++) {
        expect(load(heap.top)).toBe(Math.min(...weights.map((_, each) => load(each))));
        if (random.below(3) === 0) heap.took(heap.top, 1);
        const at = random.below(weights.length);
        counts[at] = random.below(6);
        heap.set(at, counts[at]!);
      }
    }
  });

  it('of equal load take turns by weight and by how many endpoints have it', () => {
    const weights = [1, 2, 3];
    expect(turnsOf(new ClassHeap(weights, [0, 0, 0]), weights, 600, [1, 1, 1])).toEqual([100, 200, 300]);
    expect(turnsOf(new ClassHeap(weights, [0, 0, 0]), weights, 600, [4, 1, 2])).toEqual([200, 100, 300]);
  });

  it('make up for no turns that one of them did not take', () => {
    const weights = [1, 1];
    const heap = new ClassHeap(weights, [0, 1]);
    expect(turnsOf(heap, weights, 100, [1, 1])).toEqual([100, 0]);
    heap.set(1, 0);
    const [first, second] = turnsOf(heap, weights, 10, [1, 1]);
    expect([first, second]).toEqual([5, 5]);
    // Nor does it lose those that were to come.
    heap.set(1, 0);
    expect(turnsOf(heap, weights, 10, [1, 1])).toEqual([5, 5]);
  });

  it('begin anywhere within the first turns of each, by chance', () => {
    const firsts = [0, 0];
    for (let seed = 1; seed <= 400; seed++) {
      const heap = new ClassHeap([1, 3], [0, 0]);
      const random = seededRandom(seed);
      for (const at of [0, 1]) heap.shuffle(at, 1, random);
      firsts[heap.top]!++;
    }
    // A turn of the first is drawn from three times as long: it is first in one case of six.
    expect(firsts[0]! / 400).toBeGreaterThan(0.1);
    expect(firsts[0]! / 400).toBeLessThan(0.25);
  });

  it('go on in a copy by itself', () => {
    const weights = [1, 2, 3, 4];
    const heap = new ClassHeap(weights, [0, 0, 0, 0]);
    turnsOf(heap, weights, 7, [1, 1, 1, 1]);
    const copy = heap.copy();
    const ones = [1, 1, 1, 1];
    const top = heap.top;
    const taken = turnsOf(copy, weights, 50, ones);
    copy.set(top, 9);
    expect(heap.top).toBe(top);
    expect(turnsOf(heap, weights, 50, ones)).toEqual(taken);
    expect(copy.top).not.toBe(top);
  });
});
