import { FairleadError, isRefusal, Outcome } from 'fairlead';
import { ManualClock } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { refusalError } from '../../src/resilience/refusal.js';
import { mayHaveTakenEffect } from '../../src/resilience/verdict.js';
import { type Wait, WaitingLine } from '../../src/resilience/waiting-line.js';

const ANY: Wait = { at: undefined, againAtMs: Number.POSITIVE_INFINITY };
const at = (place: object, againAtMs = Number.POSITIVE_INFINITY): Wait => ({ at: place, againAtMs });

/** A line of calls, each of which takes room where there is some; what is `undefined` is anywhere. */
function make() {
  const clock = new ManualClock(1_000);
  const line = new WaitingLine(clock);
  const began: string[] = [];
  const asked: string[] = [];
  const room = new Map<object | undefined, number>();
  const take = (place: object | undefined): boolean => {
    const left = room.get(place) ?? 0;
    if (left > 0) room.set(place, left - 1);
    return left > 0;
  };
  /** `after` is what it waits for when there is no room. */
  const join = (name: string, wait: Wait = ANY, after: () => Wait = () => wait): (() => void) =>
    line.join(
      {
        proceed: () => {
          asked.push(name);
          if (!take(wait.at)) return after();
          began.push(name);
          return undefined;
        },
      },
      wait,
    );
  return { line, clock, began, asked, join, room };
}

describe('turns of calls that wait', () => {
  it('are taken in the order of coming, until one finds no room', () => {
    const { line, began, asked, join, room } = make();
    for (const name of ['a', 'b', 'c', 'd']) join(name);
    expect([line.length, line.crowded]).toEqual([4, true]);
    room.set(undefined, 2);
    line.next();
    expect(began).toEqual(['a', 'b']);
    expect(asked).toEqual(['a', 'b', 'c']);
    expect(line.length).toBe(2);
  });

  it('are passed over by one who left, however often', () => {
    const { line, began, join, room } = make();
    const leave = join('a');
    join('b');
    leave();
    leave();
    expect(line.length).toBe(1);
    room.set(undefined, 5);
    line.next();
    expect([began, line.length, line.crowded]).toEqual([['b'], 0, false]);
  });

  it('of those who wait for one place hold up none who may go elsewhere', () => {
    const { line, began, join, room } = make();
    const [x, y] = [{}, {}];
    join('of x', at(x));
    join('of y', at(y));
    expect(line.crowded).toBe(false);
    join('anywhere');
    room.set(y, 1).set(undefined, 1);
    line.next(y);
    expect(began).toEqual(['of y', 'anywhere']);
    room.set(x, 1);
    line.next(y);
    expect(began).toHaveLength(2);
    line.next(x);
    expect(began.at(-1)).toBe('of x');
  });

  it('of all places come with room that may be anywhere', () => {
    const { line, began, join, room } = make();
    const [x, y] = [{}, {}];
    join('of x', at(x));
    join('of y', at(y));
    room.set(x, 1).set(y, 1);
    line.next();
    expect(began).toEqual(['of x', 'of y']);
  });

  it('come before those of all others, with their whole line, where they lack more than their place', () => {
    const { line, began, asked, join, room } = make();
    const x = {};
    join('first', at(x), () => ANY);
    join('second', at(x), () => ANY);
    join('anywhere');
    line.next(x);
    // Each of the first two is asked once; the one that may go anywhere stands behind them.
    expect(asked).toEqual(['first', 'first']);
    expect(line.crowded).toBe(true);
    room.set(x, 2).set(undefined, 1);
    line.next();
    expect(began).toEqual(['first', 'second', 'anywhere']);
  });

  it('move to another place with what is waited for', () => {
    const { line, began, asked, join, room } = make();
    const [x, y] = [{}, {}];
    join('a', at(x), () => at(y));
    join('b', at(x));
    line.next(x);
    expect(asked).toEqual(['a', 'b']);
    room.set(x, 2);
    line.next(x);
    expect(began).toEqual(['b']);
    line.next(y);
    expect(began).toEqual(['b', 'a']);
  });

  it('are not lost where room is made while they are taken', () => {
    const { line, room, began, join } = make();
    const waiter = {
      proceed: () => {
        began.push('first');
        room.set(undefined, 1);
        line.next();
        return undefined;
      },
    };
    const other = {};
    line.join(waiter, at(other));
    join('second');
    line.next(other);
    expect(began).toEqual(['first', 'second']);
    expect(line.length).toBe(0);
  });

  it('come by themselves when there may be room, the soonest first, and not after the last one left', async () => {
    const { line, clock, asked, join, room, began } = make();
    const leave = join('late', at({}, 3_000));
    join('soon', { at: undefined, againAtMs: 2_000 }, () => ANY);
    await clock.advanceAsync(999);
    expect(asked).toEqual([]);
    await clock.advanceAsync(1);
    expect(asked).toContain('soon');
    room.set(undefined, 1);
    line.next();
    expect(began).toEqual(['soon']);
    leave();
    expect(clock.pending).toBe(0);
  });

  it('are all given at the end', () => {
    const { line, asked, join } = make();
    join('of x', at({}));
    join('anywhere');
    line.end();
    expect(asked).toEqual(['of x', 'anywhere']);
    expect(line.length).toBe(0);
  });
});

describe('a refusal', () => {
  it('says when to come back, without a stack, and leaves the limit of stacks as it was', () => {
    const limit = Error.stackTraceLimit;
    const error = refusalError('rate_limited', 'users', 12.3);
    expect(error.message).toBe(
      "A call to 'users' was refused: a rate of resilience.limits is used up. Nothing was sent; try again in 13 ms.",
    );
    expect(error).toMatchObject({ code: 'FAIRLEAD_RATE_LIMITED', service: 'users', retryAfterMs: 12.3 });
    expect(error.stack).not.toMatch(/\n\s+at /);
    expect(Error.stackTraceLimit).toBe(limit);
    expect(refusalError('rate_limited', 'users', Number.POSITIVE_INFINITY).message).toMatch(/try again never\.$/);
  });

  it('is told from all other errors', () => {
    expect(isRefusal(refusalError('throttled', 'users', 1))).toBe(true);
    expect(isRefusal(new FairleadError('FAIRLEAD_CLOSED', 'it is closed'))).toBe(false);
    expect(isRefusal(Object.assign(new Error('x'), { code: 'FAIRLEAD_RATE_LIMITED' }))).toBe(false);
    expect(isRefusal(undefined)).toBe(false);
  });
});

describe('a call that ended', () => {
  it.each([
    [Outcome.Failure, true],
    [Outcome.Timeout, true],
    [Outcome.Cancelled, true],
    [Outcome.Success, false],
    [Outcome.ConnectFailure, false],
    [Outcome.Overloaded, false],
    [Outcome.ApplicationError, false],
  ])('with outcome %i may have taken effect: %s, unless it may always be repeated', (outcome, may) => {
    expect(mayHaveTakenEffect(outcome, 'idempotent')).toBe(may);
    expect(mayHaveTakenEffect(outcome, 'never')).toBe(may);
    expect(mayHaveTakenEffect(outcome, 'always')).toBe(false);
  });
});
