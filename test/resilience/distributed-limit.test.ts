import { DistributedLimit } from 'fairlead/resilience';
import { ManualClock } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';

type Options = ConstructorParameters<typeof DistributedLimit>[0];

/** A limit whose store answers what is said; `undefined` lets a call pass. */
function make(answer: (key: string) => unknown, options: Partial<Options> = {}) {
  const clock = new ManualClock(1_000);
  const asked: string[] = [];
  const limiter = {
    consume: async (key: string | number) => {
      asked.push(String(key));
      const refused = answer(String(key));
      if (refused !== undefined) throw refused;
      return {};
    },
  };
  return { limit: new DistributedLimit({ limiter, ...options }, clock), asked, clock };
}

describe('a key that the store refuses', () => {
  it('is refused without the store until its time is over, and then asked for again', async () => {
    const { limit, asked, clock } = make(() => ({ msBeforeNext: 500 }));
    expect(await limit.tryAcquire('a')).toBe(500);
    clock.advance(200);
    expect(await limit.tryAcquire('a')).toBe(300);
    expect(limit.blockedMs('a', clock.now())).toBe(300);
    expect(asked).toHaveLength(1);
    clock.advance(300);
    expect(limit.blockedMs('a', clock.now())).toBe(0);
    expect(await limit.tryAcquire('a')).toBe(500);
    expect(asked).toHaveLength(2);
  });

  it.each<[unknown, number]>([
    [{ msBeforeNext: 0 }, 1],
    [{ msBeforeNext: 0.2 }, 1],
    [{ msBeforeNext: -1 }, Number.POSITIVE_INFINITY],
  ])('by %o has to wait %j ms', async (refused, waitMs) => {
    const { limit } = make(() => refused);
    expect(await limit.tryAcquire('a')).toBe(waitMs);
  });

  it('for ever is asked for each time: that may be lifted', async () => {
    const { limit, asked } = make(() => ({ msBeforeNext: -1 }));
    for (let i = 0; i < 3; i++) await limit.tryAcquire('a');
    expect(asked).toHaveLength(3);
  });

  it('is remembered nowhere with a capacity of 0', async () => {
    const { limit, asked } = make(() => ({ msBeforeNext: 500 }), { blockedCapacity: 0 });
    for (let i = 0; i < 3; i++) expect(await limit.tryAcquire('a')).toBe(500);
    expect(asked).toHaveLength(3);
  });
});

describe('what a store rejects with that is no refusal', () => {
  it.each([
    [new Error('down')],
    [Object.assign(new Error('down'), { msBeforeNext: 500 })],
    [{}],
    [{ msBeforeNext: 'soon' }],
    [{ msBeforeNext: Number.NaN }],
    ['down'],
    [null],
    [7],
  ])('%o counts as its failure', async (thrown) => {
    const errors: unknown[] = [];
    const { limit } = make(() => thrown, { onStoreFailure: 'refuse', onError: (error) => errors.push(error) });
    expect(await limit.tryAcquire('a')).toBe(1_000);
    expect(errors).toEqual([thrown]);
    expect(limit.blockedMs('a', 1_000)).toBe(0);
  });

  it('reaches no one where nobody listens, and no call where a listener fails', async () => {
    expect(await make(() => new Error('down')).limit.tryAcquire('a')).toBe(0);
    const broken = [
      () => {
        throw new Error('mine');
      },
      () => Promise.reject(new Error('mine')),
      () => 7,
    ];
    for (const onError of broken) expect(await make(() => new Error('x'), { onError }).limit.tryAcquire('a')).toBe(0);
  });
});

describe('a distributed limit', () => {
  it('says whether all calls share it', () => {
    expect(make(() => undefined).limit.shared).toBe(false);
    expect(make(() => undefined, { shared: true }).limit.shared).toBe(true);
  });

  it('leaves no timer behind an answer', async () => {
    const { limit, clock } = make(() => undefined);
    expect(await Promise.all(['a', 'b', 'c'].map((key) => limit.tryAcquire(key)))).toEqual([0, 0, 0]);
    expect(clock.pending).toBe(0);
  });

  it('leaves a store alone for a second that did not answer in time, and says so once', async () => {
    const errors: Error[] = [];
    const options = {
      timeoutMs: 100,
      onStoreFailure: 'refuse',
      onError: (error: unknown) => errors.push(error as Error),
    };
    const { clock } = make(() => undefined);
    let asked = 0;
    const limiter = { consume: () => (asked++ === 0 ? new Promise(() => {}) : Promise.resolve({})) };
    const limit = new DistributedLimit({ limiter, ...(options as Partial<Options>) }, clock);
    const first = limit.tryAcquire('a');
    await clock.advanceAsync(200);
    expect(await first).toBe(1_000);
    expect(errors.map(({ message }) => message)).toEqual([
      'The store of a distributed rate limit did not answer within 100 ms.',
    ]);
    const leftMs = await limit.tryAcquire('b');
    expect(leftMs).toBeGreaterThan(0);
    expect(leftMs).toBeLessThanOrEqual(1_000);
    expect(asked).toBe(1);
    await clock.advanceAsync(leftMs);
    expect(await limit.tryAcquire('b')).toBe(0);
    expect(asked).toBe(2);
  });

  it('refuses what is no limiter, by name', () => {
    for (const limiter of [undefined, {}, { consume: 7 }]) {
      expect(() => new DistributedLimit({ limiter: limiter as never }, new ManualClock())).toThrow(
        /distributed\.limiter is .*: allowed is a limiter of 'rate-limiter-flexible'/,
      );
    }
  });
});
