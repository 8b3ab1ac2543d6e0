import { seededRandom } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { readShardedOptions } from '../../../adapters/redis/common/options.js';

const read = (options: object) => readShardedOptions({ service: 'cache', ...options }, seededRandom(1));

describe('options about failure and change', () => {
  it('stand for a store without a hand-over, unless told otherwise', () => {
    expect(read({}).own).toMatchObject({ onFailure: 'fail', handover: undefined });
    expect(read({ onFailure: 'next' }).own).toMatchObject({ quarantine: 'generation' });
    expect(read({ handover: { windowMs: 5 } }).own.handover).toEqual({
      windowMs: 5,
      settleMs: 1_000,
      scripts: 'tag',
      maxMoves: 64,
      maxValueBytes: 8 * 1024 * 1024,
      background: true,
    });
  });

  it.each<[string, object, RegExp]>([
    ['an unknown policy', { onFailure: 'eject' }, /onFailure is "eject".*fail, next, replica/],
    ['a quarantine where nobody stands in', { quarantine: 'flush' }, /quarantine.*onFailure is 'next'/],
    ['also for replicas', { onFailure: 'replica', quarantine: 'generation' }, /quarantine/],
    [
      'a flush of a database that others may use',
      { onFailure: 'next', quarantine: 'flush', keyPrefix: 'app:' },
      /keyPrefix/,
    ],
    ['an unknown quarantine', { onFailure: 'next', quarantine: 'erase' }, /quarantine is "erase"/],
    ['a wait without its length', { onFailure: 'next', quarantine: {} }, /quarantine\.waitMs/],
    ['a wait that is no time', { onFailure: 'next', quarantine: { waitMs: 0 } }, /quarantine\.waitMs is 0/],
    ['a mistyped wait', { onFailure: 'next', quarantine: { waitMs: 5, wait: 5 } }, /quarantine\.wait is not an option/],
    ['a window without its length', { handover: {} }, /handover\.windowMs/],
    ['a mistyped option of the window', { handover: { windowMs: 5, moves: 1 } }, /handover\.moves is not an option/],
    ['scripts that are none', { handover: { windowMs: 5, scripts: 'all' } }, /handover\.scripts is "all"/],
    ['a time to settle that is none', { handover: { windowMs: 5, settleMs: -1 } }, /handover\.settleMs is -1/],
    ['a hand-over in a cache', { onFailure: 'next', handover: { windowMs: 5 } }, /handover/],
  ])('refuse %s', (_, options, message) => {
    expect(() => read(options)).toThrow(message);
    expect(() => read(options)).toThrow(expect.objectContaining({ code: 'FAIRLEAD_INVALID_OPTION' }));
  });
});
