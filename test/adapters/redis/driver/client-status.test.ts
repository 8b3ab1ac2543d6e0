import { describe, expect, it } from 'vitest';
import { ClientStatus, type Shown } from '../../../../adapters/redis/driver/client-status.js';
import type { Redis } from '../../../../adapters/redis/driver/driver.js';

/** Counts how often a state is looked at. */
function shownShards(count: number) {
  let looks = 0;
  const states = Array.from({ length: count }, () => 'connecting');
  const shards: Shown[] = states.map((_, i) => ({
    get state() {
      looks++;
      return states[i]!;
    },
  }));
  return { states, shards, looks: () => looks };
}

function clientOf() {
  const seen: string[] = [];
  const redis = {
    status: 'connecting',
    setStatus(status: string) {
      redis.status = status;
      seen.push(status);
    },
  };
  return { status: new ClientStatus(redis as unknown as Redis), seen };
}
const ticks = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("a client's status", () => {
  it('is ready once every shard is known to be up or down, and one is up', async () => {
    const { states, shards } = shownShards(3);
    const { status, seen } = clientOf();
    for (const [at, state] of [
      [2, 'up'],
      [0, 'down'],
    ] as const) {
      states[at] = state;
      status.show(shards);
    }
    expect(seen).toEqual([]);
    states[1] = 'down';
    status.show(shards);
    await ticks();
    expect(seen).toEqual(['connect', 'ready']);
    states[2] = 'down';
    states[1] = 'up';
    status.show(shards);
    await ticks();
    expect(seen).toEqual(['connect', 'ready']);
    states[1] = 'down';
    status.show(shards);
    await ticks();
    expect(seen).toEqual(['connect', 'ready', 'close', 'reconnecting']);
  });

  it('looks at few of thousands when one of them changes', async () => {
    const { states, shards, looks } = shownShards(2_000);
    const { status, seen } = clientOf();
    for (let at = 0; at < states.length; at++) {
      states[at] = 'up';
      status.show(shards);
    }
    await ticks();
    expect(seen).toEqual(['connect', 'ready']);
    // All of 2,000 for each change would be 4,000,000.
    expect(looks()).toBeLessThan(20_000);
  });
});
