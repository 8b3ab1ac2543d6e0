import fc from 'fast-check';
import { LRUCache } from 'lru-cache';
import { describe, expect, it } from 'vitest';
import { AgedTable } from '../../src/affinity/aged-table.js';

const CAPACITY = 5;
const key = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h');
const step = fc.oneof(
  fc.record({ what: fc.constant('set' as const), key, value: fc.nat() }),
  fc.record({ what: fc.constantFrom('use' as const, 'peek' as const, 'delete' as const), key }),
  { weight: 1, arbitrary: fc.record({ what: fc.constant('clear' as const), key }) },
);

describe('a table in the order of use', () => {
  it('does what lru-cache does, where the oldest leaves before a new one comes', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const table = new AgedTable<number>(CAPACITY);
        const oracle = new LRUCache<string, number>({ max: CAPACITY });
        const began = new Map<string, number>();
        for (const [nowMs, each] of steps.entries()) {
          if (each.what === 'set') {
            if (table.peek(each.key) === undefined && table.size === CAPACITY) table.delete(table.oldest!);
            table.set(each.key, each.value, nowMs);
            oracle.set(each.key, each.value);
            began.set(each.key, nowMs);
          } else if (each.what === 'use') {
            table.use(each.key);
            oracle.get(each.key);
          } else if (each.what === 'peek') expect(table.peek(each.key)).toBe(oracle.peek(each.key));
          else if (each.what === 'delete') expect(table.delete(each.key)).toBe(oracle.delete(each.key));
          else {
            table.clear();
            oracle.clear();
          }
          expect([...table.entries()]).toEqual([...oracle.entries()]);
          expect(table.size).toBe(oracle.size);
          expect(table.oldest).toBe([...oracle.rkeys()][0]);
          for (const name of oracle.keys()) expect(table.beganAtMs(name)).toBe(began.get(name));
        }
      }),
    );
  });

  it('goes on where an entry is deleted while they are read', () => {
    const table = new AgedTable<number>(CAPACITY);
    for (const [at, name] of ['a', 'b', 'c'].entries()) table.set(name, at, at);
    const seen: string[] = [];
    for (const [name] of table.entries()) {
      seen.push(name);
      table.delete(name);
    }
    expect(seen).toEqual(['c', 'b', 'a']);
    expect(table.beganAtMs('a')).toBeNaN();
  });
});
