import { withRoutingKey } from 'fairlead';
import { currentRoutingKey } from 'fairlead/adapter';
import { describe, expect, it } from 'vitest';

describe('withRoutingKey', () => {
  it('is seen by everything that runs in it, also after an await, and by nothing else', async () => {
    const seen: unknown[] = [currentRoutingKey()];
    await withRoutingKey('alice', async () => {
      await Promise.resolve();
      seen.push(currentRoutingKey());
      withRoutingKey('bob', () => seen.push(currentRoutingKey()));
      withRoutingKey(undefined, () => seen.push(currentRoutingKey()));
      seen.push(currentRoutingKey());
    });
    seen.push(currentRoutingKey());
    expect(seen).toEqual([undefined, 'alice', 'bob', undefined, 'alice', undefined]);
  });
});
