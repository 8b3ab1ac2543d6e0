import { ManualClock } from 'fairlead/testing';
import { describe, expect, it, vi } from 'vitest';
import { type PlacedShard, placeShards } from '../../../../adapters/redis/shards/placement.js';
import { Placements } from '../../../../adapters/redis/shards/placements.js';

const KETAMA = { placement: 'ketama', compatibility: 'none' } as const;
const KEYS = Array.from({ length: 2_000 }, (_, i) => `user:${i}`);
const shardsOf = (count: number, from = 0): PlacedShard[] =>
  Array.from({ length: count }, (_, i) => ({ name: `s${100_000 + from + i}`, weight: 1 }));
const owners = (placements: Placements, shards: readonly PlacedShard[]): number[] => {
  const placement = placements.of(shards);
  return KEYS.map((key) => placement.ownerOf(key));
};
const expected = (shards: readonly PlacedShard[]): number[] => {
  const placement = placeShards(shards, KETAMA);
  return KEYS.map((key) => placement.ownerOf(key));
};

/** How many turns it took: 0 where it was ready at once. */
function prepared(placements: Placements, clock: ManualClock, shards: readonly PlacedShard[]): number {
  const turns = vi.spyOn(clock, 'after');
  let ready = false;
  placements.prepare(shards, () => {
    ready = true;
  });
  clock.advance(0);
  expect(ready).toBe(true);
  const { length } = turns.mock.calls;
  turns.mockRestore();
  return length;
}

describe('the placement of shards', () => {
  it('is ready at once where they are few, and many turns later where they are thousands', () => {
    const clock = new ManualClock();
    const placements = new Placements(KETAMA, clock);
    expect(prepared(placements, clock, shardsOf(100))).toBe(0);
    const turns = prepared(placements, clock, shardsOf(5_000));
    expect(turns).toBeGreaterThan(10);
    expect(turns).toBeLessThan(100);
    expect(owners(placements, shardsOf(5_000))).toEqual(expected(shardsOf(5_000)));
  });

  it('takes few turns more where one of thousands leaves', () => {
    const clock = new ManualClock();
    const placements = new Placements(KETAMA, clock);
    prepared(placements, clock, shardsOf(5_000));
    const fewer = shardsOf(5_000).toSpliced(2_500, 1);
    expect(prepared(placements, clock, fewer)).toBeLessThan(16);
    expect(owners(placements, fewer)).toEqual(expected(fewer));
  });

  it('is left off where other shards are wanted before it is ready', () => {
    const clock = new ManualClock();
    const placements = new Placements(KETAMA, clock);
    const heard: string[] = [];
    placements.prepare(shardsOf(3_000), () => heard.push('first'));
    placements.prepare(shardsOf(2_000, 50), () => heard.push('second'));
    expect(heard).toEqual([]);
    clock.advance(0);
    expect(heard).toEqual(['second']);
    expect(owners(placements, shardsOf(2_000, 50))).toEqual(expected(shardsOf(2_000, 50)));
    expect(clock.pending).toBe(0);
  });

  it('can be had at once while another one is made ready', () => {
    const clock = new ManualClock();
    const placements = new Placements(KETAMA, clock);
    let ready = 0;
    placements.prepare(shardsOf(3_000), () => ready++);
    expect(owners(placements, shardsOf(3))).toEqual(expected(shardsOf(3)));
    expect([ready, clock.pending]).toEqual([0, 0]);
  });

  it('stays what it was when the ring takes other shards', () => {
    const placements = new Placements(KETAMA, new ManualClock());
    const three = placements.of(shardsOf(3));
    const before = KEYS.map((key) => three.ownerOf(key));
    placements.of(shardsOf(4));
    expect(KEYS.map((key) => three.ownerOf(key))).toEqual(before);
    const never = KEYS.slice(0, 100).map((key) => three.acceptedOf(key, (shard) => shard === 2));
    expect(new Set(never)).toEqual(new Set([2]));
    expect(three.acceptedOf('a', () => false)).toBe(-1);
  });

  it.each(['ketama', 'maglev', 'rendezvous'] as const)('by %s is not made again for the same shards', (placement) => {
    const placements = new Placements({ placement, compatibility: 'none' }, new ManualClock());
    const first = placements.of(shardsOf(5));
    let ready = 0;
    placements.prepare(shardsOf(5), () => ready++);
    expect(ready).toBe(1);
    expect(placements.of(shardsOf(5))).toBe(first);
    expect(placements.of(shardsOf(6))).not.toBe(first);
    expect(placements.of(shardsOf(6).with(2, { name: 's100002', weight: 2 }))).not.toBe(first);
  });

  it('is not made ready after the end', () => {
    const clock = new ManualClock();
    const placements = new Placements(KETAMA, clock);
    let ready = 0;
    placements.prepare(shardsOf(3_000), () => ready++);
    placements.close();
    clock.advance(1_000);
    expect([ready, clock.pending]).toEqual([0, 0]);
  });
});
