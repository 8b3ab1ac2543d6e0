import { ManualClock } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { InTurns } from '../../../../adapters/redis/shards/in-turns.js';

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe('work in turns', () => {
  it('is done at once for few, and then what follows', () => {
    const clock = new ManualClock();
    const done: unknown[] = [];
    new InTurns(clock).run(
      numbers(64),
      (each) => done.push(each),
      () => done.push('done'),
    );
    expect(done).toEqual([...numbers(64), 'done']);
    expect(clock.pending).toBe(0);
  });

  it('of thousands is 64 a turn, in order', () => {
    const clock = new ManualClock();
    const turns: number[] = [];
    const seen: number[] = [];
    let done = false;
    const { after } = clock;
    clock.after = (delayMs, fire) => {
      turns.push(seen.length);
      return after.call(clock, delayMs, fire);
    };
    new InTurns(clock).run(
      numbers(1_000),
      (each) => seen.push(each),
      () => {
        done = true;
      },
    );
    expect(seen).toHaveLength(64);
    expect(done).toBe(false);
    clock.advance(0);
    expect(seen).toEqual(numbers(1_000));
    expect(turns).toEqual(numbers(15).map((i) => 64 * (i + 1)));
    expect(done).toBe(true);
  });

  it('begins in the next turn where it is to, and not where other work comes first', () => {
    const clock = new ManualClock();
    const inTurns = new InTurns(clock);
    const seen: string[] = [];
    inTurns.next(() => seen.push('first'));
    expect(seen).toEqual([]);
    clock.advance(0);
    inTurns.next(() => seen.push('second'));
    inTurns.run([1], () => seen.push('other'));
    clock.advance(0);
    expect(seen).toEqual(['first', 'other']);
  });

  it('is left off where other work takes its place, or none', () => {
    const clock = new ManualClock();
    const inTurns = new InTurns(clock);
    const seen: number[] = [];
    const see = (each: number): void => void seen.push(each);
    inTurns.run(numbers(100), see, () => see(-1));
    inTurns.run([200], see);
    clock.advance(0);
    expect(seen).toEqual([...numbers(64), 200]);
    inTurns.run(numbers(100), see);
    inTurns.close();
    expect(clock.pending).toBe(0);
    expect(seen).toHaveLength(129);
  });
});
