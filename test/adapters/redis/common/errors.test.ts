import { describe, expect, it } from 'vitest';
import { shardUnavailable } from '../../../../adapters/redis/common/errors.js';

describe('the error of a shard that cannot be used', () => {
  it('says why, so that a wrong password does not read as a server that is away', () => {
    const cause = new Error('WRONGPASS invalid username-password pair or user is disabled.');
    const error = shardUnavailable('cache', 's0', 'cannot be reached', cause);
    expect(error.message).toBe(
      "Shard 's0' cannot be reached (WRONGPASS invalid username-password pair or user is disabled). Nothing was sent.",
    );
    expect(error.cause).toBe(cause);
  });

  it('says once that nothing was sent, and shows no cause that is long or empty', () => {
    const down = shardUnavailable('cache', 's1', 'is down', new Error('No answer for 612 ms.'));
    expect(shardUnavailable('cache', 's0', 'is needed', down).message).toBe(
      "Shard 's0' is needed (Shard 's1' is down (No answer for 612 ms)). Nothing was sent.",
    );
    expect(shardUnavailable('cache', 's0', 'is down', new Error('')).message).toBe(
      "Shard 's0' is down. Nothing was sent.",
    );
    const long = shardUnavailable('cache', 's0', 'is down', new Error('x'.repeat(10_000)));
    expect(long.message.length).toBeLessThan(300);
  });
});
