import { FairleadError } from 'fairlead';
import { CrossShardError, PartialResultError } from 'fairlead/redis';
import { describe, expect, it } from 'vitest';

describe('the class of an error', () => {
  const plain = new FairleadError('FAIRLEAD_CLOSED', 'closed');

  it('is not that of every other error of ours', () => {
    class Mine extends FairleadError {}
    class Other extends FairleadError {}
    const mine = new Mine('FAIRLEAD_CLOSED', 'closed');
    expect([plain instanceof Mine, mine instanceof Other, plain instanceof CrossShardError]).toEqual([
      false,
      false,
      false,
    ]);
    expect([mine instanceof Mine, mine instanceof FairleadError]).toEqual([true, true]);
    expect(plain instanceof PartialResultError).toBe(false);
    class Narrower extends CrossShardError {}
    const crossShard = new CrossShardError('s', 'mget', ['a', 'b'], ['x', 'y']);
    expect([crossShard instanceof CrossShardError, crossShard instanceof FairleadError]).toEqual([true, true]);
    expect([crossShard instanceof Narrower, crossShard instanceof PartialResultError]).toEqual([false, false]);
    // One that says no more than its code has none of the fields of the class.
    expect(new FairleadError('FAIRLEAD_CROSS_SHARD', 'x') instanceof CrossShardError).toBe(false);
  });

  it('is known across copies of fairlead, as the one they share', () => {
    const copy = Object.create(Error.prototype, { [Symbol.for('fairlead.error')]: { value: true } });
    expect(copy instanceof FairleadError).toBe(true);
    expect(copy instanceof CrossShardError).toBe(false);
  });

  it('holds for whatever it is asked of', () => {
    class Mine extends FairleadError {}
    for (const value of [undefined, null, 1, 'x', {}, () => 1]) {
      expect([(value as object) instanceof FairleadError, (value as object) instanceof Mine]).toEqual([false, false]);
    }
  });

  it('is never that of a thing that throws when it is looked at', () => {
    const hostile = new Proxy(
      {},
      {
        get: () => {
          throw new Error('no');
        },
      },
    );
    expect(hostile instanceof FairleadError).toBe(false);
  });
});

describe('a pause that an error names', () => {
  it.each([Number.NaN, -1, '5' as never])('is left out where it is %s', (retryAfterMs) => {
    expect(new FairleadError('FAIRLEAD_RATE_LIMITED', 'x', { retryAfterMs }).retryAfterMs).toBeUndefined();
  });

  it('may be for ever', () => {
    const { retryAfterMs } = new FairleadError('FAIRLEAD_RATE_LIMITED', 'x', {
      retryAfterMs: Number.POSITIVE_INFINITY,
    });
    expect(retryAfterMs).toBe(Number.POSITIVE_INFINITY);
  });
});
