import { describe, expect, it } from 'vitest';
import { BoundedMap } from '../../src/runtime/bounded-map.js';

describe('a bounded map', () => {
  it('lets the oldest entry go when another comes, and a set makes an entry the youngest', () => {
    const map = new BoundedMap<string, number>(2);
    map.set('a', 1).set('b', 2).set('a', 3).set('c', 4);
    expect([...map]).toEqual([
      ['a', 3],
      ['c', 4],
    ]);
    expect(map.get('b')).toBeUndefined();
  });
});
