import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TimeHeap } from '../../src/runtime/time-heap.js';

const step = fc.oneof(
  fc.record({ kind: fc.constant('add' as const), atMs: fc.nat(50) }),
  fc.record({ kind: fc.constant('putOff' as const), which: fc.nat(30), byMs: fc.nat(50) }),
  fc.record({ kind: fc.constant('remove' as const) }),
);

describe('a heap of times', () => {
  it('has the earliest first, through any history', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const heap = new TimeHeap<{ atMs: number; index: number }>();
        const held: { atMs: number; index: number }[] = [];
        for (const each of steps) {
          if (each.kind === 'add') {
            const item = { atMs: each.atMs, index: -1 };
            heap.add(item);
            held.push(item);
          } else if (each.kind === 'putOff' && held.length > 0) {
            const item = held[each.which % held.length]!;
            heap.putOff(item, item.atMs + each.byMs);
          } else if (each.kind === 'remove' && heap.first !== undefined) {
            held.splice(held.indexOf(heap.first), 1);
            heap.removeFirst();
          }
          expect(heap.size).toBe(held.length);
          expect(heap.first?.atMs).toBe(held.length === 0 ? undefined : Math.min(...held.map(({ atMs }) => atMs)));
        }
      }),
    );
  });
});
