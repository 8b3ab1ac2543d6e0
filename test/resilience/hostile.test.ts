import { attemptsOf, type FairleadError, Outcome, type ServiceOptions } from 'fairlead';
import { DistributedLimit } from 'fairlead/resilience';
import { ManualClock } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { endpoints, testMesh } from '../support/mesh.js';

function make(options: ServiceOptions = {}, count = 2) {
  const test = testMesh({ users: endpoints(count) });
  return { ...test, service: test.mesh.service('users', options) };
}

const errorOf = (call: Promise<unknown>): Promise<FairleadError> =>
  call.then(
    () => expect.unreachable('it should have failed'),
    (error) => error,
  );

const nobodyWorks = ({ service, clock }: ReturnType<typeof make>): void => {
  expect(service.endpoints.every((endpoint) => endpoint.inflight === 0)).toBe(true);
  expect(clock.pending).toBe(0);
};

/** Throws whatever is read of it. */
const untouchable = new Proxy(
  {},
  {
    get() {
      throw new Error('do not touch');
    },
    getPrototypeOf() {
      throw new Error('nor ask');
    },
  },
);

describe('a call', () => {
  it.each([undefined, null, 'run', {}])('of %j, which is no function, is refused with a name', async (run) => {
    const error = await errorOf(make().service.call(run as never));
    expect(error.code).toBe('FAIRLEAD_INVALID_OPTION');
    expect(error.message).toMatch(/^call is .*: allowed is a function/);
  });

  it.each([
    ['undefined', undefined],
    ['null', null],
    ['a string', 'no'],
    ['a symbol', Symbol('no')],
    ['something untouchable', untouchable],
    ['headers that throw', { headers: { get: () => expect.unreachable('thrown by get') } }],
    ['headers that want another this', { response: { headers: Object.create(Headers.prototype) } }],
    ['a code that throws', Object.defineProperty(new Error('x'), 'code', { get: () => expect.unreachable('code') })],
  ])('whose function throws %s rejects with that, and its endpoint is free again', async (_, thrown) => {
    for (const options of [{}, { resilience: { retry: { attemptTimeoutMs: 50 } } }]) {
      const test = make(options);
      for (const run of [() => Promise.reject(thrown), () => raise(thrown)]) {
        let caught: unknown = 'nothing';
        await test.service.call(run, { idempotent: true }).catch((error) => {
          caught = error;
        });
        expect(caught === thrown).toBe(true);
      }
      nobodyWorks(test);
    }
  });

  it.each([
    ['an outcome there is none', () => 17],
    ['a fraction', () => 2.5],
    ['NaN', () => Number.NaN],
    ['nothing', () => undefined],
    ['a promise', () => Promise.resolve(Outcome.ConnectFailure)],
    ['null', () => null],
    ['a verdict without an outcome', () => ({ repeat: 'always' })],
  ])('whose classifier says %s is judged by the default', async (_, classify) => {
    const { service } = make();
    let attempts = 0;
    const answer = await service.call(
      () => (++attempts === 1 ? Promise.reject(Object.assign(new Error('x'), { code: 'ECONNREFUSED' })) : 'ok'),
      { classify: classify as never },
    );
    expect([answer, attempts]).toEqual(['ok', 2]);
  });

  it('is not repeated for a verdict that says so in other words, nor at a time that is none', async () => {
    const { service, clock } = make();
    let attempts = 0;
    const fails = () => {
      attempts++;
      return Promise.reject(new Error('x'));
    };
    const classify = () => ({ outcome: Outcome.Failure, repeat: 'sometimes' }) as never;
    await errorOf(service.call(fails, { classify }));
    expect(attempts).toBe(1);
    for (const retryAfterMs of [Number.NaN, -5]) {
      const verdict = { outcome: Outcome.Failure, repeat: 'always', retryAfterMs } as const;
      const call = errorOf(service.call(fails, { classify: () => verdict }));
      await clock.advanceAsync(100);
      await call;
    }
    // Three each: as if nothing had been said about the time.
    expect(attempts).toBe(7);
  });

  it('with a deadline of 0 is over before it begins', async () => {
    for (const resilience of [{}, { limits: { maxInflight: 1 } }, { deadlineMs: 0 }]) {
      const test = make({ resilience });
      let ran = false;
      const run = (): void => {
        ran = true;
      };
      const call = test.service.call(run, 'deadlineMs' in resilience ? undefined : { deadlineMs: 0 });
      expect((await errorOf(call)).code).toBe('FAIRLEAD_DEADLINE_EXCEEDED');
      expect(ran).toBe(false);
      nobodyWorks(test);
    }
  });

  it('does not run when its signal aborts while it waits for its turn, in the turn in which it comes', async () => {
    const test = make({ resilience: { limits: { maxInflight: 1, maxPending: 1 } } });
    const lease = test.service.acquire();
    const controller = new AbortController();
    let ran = false;
    const waiting = errorOf(
      test.service.call(
        () => {
          ran = true;
        },
        { signal: controller.signal },
      ),
    );
    await test.clock.advanceAsync(0);
    lease.done(Outcome.Success);
    controller.abort();
    expect((await waiting).code).toBe('FAIRLEAD_CANCELLED');
    expect(ran).toBe(false);
    nobodyWorks(test);
  });

  it('whose function aborts its own caller is cancelled, and says that it may have taken effect', async () => {
    const controller = new AbortController();
    const run = () => {
      controller.abort();
      return new Promise(() => undefined);
    };
    for (const options of [{}, { resilience: { retry: { attemptTimeoutMs: 50 } } }]) {
      const test = make(options);
      const error = await errorOf(test.service.call(run, { signal: controller.signal }));
      expect(error.code).toBe('FAIRLEAD_CANCELLED');
      nobodyWorks(test);
    }
  });

  it('may end its work after it was ended: nobody hears of it', async () => {
    const test = make({ resilience: { hedge: { afterMs: 20 }, idempotent: true } });
    const ends: ((how: boolean) => void)[] = [];
    const run = () =>
      new Promise((resolve, reject) => ends.push((well) => (well ? resolve('late') : reject(new Error('late')))));
    const error = errorOf(test.service.call(run, { deadlineMs: 50 }));
    await test.clock.advanceAsync(50);
    expect((await error).code).toBe('FAIRLEAD_DEADLINE_EXCEEDED');
    expect(ends).toHaveLength(2);
    for (const [index, end] of ends.entries()) end(index === 0);
    await test.clock.advanceAsync(1_000);
    expect(attemptsOf(await error)).toHaveLength(2);
    nobodyWorks(test);
  });

  it('waiting for its turn when the service closes is refused at once, not held until somebody else ends', async () => {
    const test = make({ resilience: { limits: { maxInflight: 1, maxPending: 5 } } });
    const lease = test.service.acquire();
    const waiting = [1, 2, 3].map(() => errorOf(test.service.call(() => 1)));
    await test.clock.advanceAsync(0);
    const closed = test.mesh.close();
    expect((await Promise.all(waiting)).map((error) => error.code)).toEqual(Array(3).fill('FAIRLEAD_CLOSED'));
    lease.done(Outcome.Success);
    await closed;
    nobodyWorks(test);
  });

  it('closing with nonsense is refused with a name', () => {
    expect(() => make().service.close({ deadlineMs: Number.NaN })).toThrow(/close\.deadlineMs is NaN/);
  });
});

describe('a resolver that throws at once, against its contract', () => {
  it('leaves a service without endpoints, which says why', async () => {
    const resolver = {
      name: 'broken',
      watch: () => {
        throw new Error('no such thing');
      },
    };
    const { mesh } = testMesh({});
    const { createMesh } = await import('fairlead');
    const service = createMesh({ resolver, clock: mesh.clock }).service('users', { waitForReadyMs: 0 });
    expect(service.discovery.error?.message).toBe('no such thing');
    expect(() => service.acquire()).toThrow(/has not answered yet \(last discovery error: no such thing\)/);
  });
});

describe('a distributed limit', () => {
  it('asks a store that hangs once a second, not for every call', async () => {
    const clock = new ManualClock();
    let asked = 0;
    const errors: Error[] = [];
    const limiter = {
      consume: () => {
        asked++;
        return new Promise(() => undefined);
      },
    };
    const limit = new DistributedLimit({ limiter, onError: (error) => errors.push(error as Error) }, clock);
    const first = limit.tryAcquire('a');
    await clock.advanceAsync(100);
    expect(await first).toBe(0);
    for (let i = 0; i < 50; i++) expect(await limit.tryAcquire(`k${i}`)).toBe(0);
    expect([asked, errors.length, clock.pending]).toEqual([1, 1, 0]);
    expect(errors[0]?.message).toMatch(/did not answer within 100 ms/);
    clock.advance(1_000);
    void limit.tryAcquire('b');
    await clock.advanceAsync(100);
    expect(asked).toBe(2);
  });

  it('refuses meanwhile, where it is told to, and says until when', async () => {
    const clock = new ManualClock();
    const limiter = { consume: () => new Promise(() => undefined) };
    const limit = new DistributedLimit({ limiter, onStoreFailure: 'refuse', timeoutMs: 50 }, clock);
    const first = limit.tryAcquire('a');
    await clock.advanceAsync(50);
    expect(await first).toBe(1_000);
    clock.advance(400);
    expect(await limit.tryAcquire('b')).toBe(600);
  });

  it('is not stopped by an onError that rejects, nor by an answer without sense', async () => {
    const onError = () => Promise.reject(new Error('bug'));
    const limiter = { consume: () => Promise.reject({ msBeforeNext: Number.NaN }) };
    const limit = new DistributedLimit({ limiter, onError }, new ManualClock());
    expect(await limit.tryAcquire('a')).toBe(0);
  });

  it('says never where the limiter does, and asks again all the same', async () => {
    let asked = 0;
    const consume = () => {
      asked++;
      return Promise.reject({ msBeforeNext: -1 });
    };
    const limit = new DistributedLimit({ limiter: { consume } }, new ManualClock());
    expect(await limit.tryAcquire('a')).toBe(Number.POSITIVE_INFINITY);
    expect(await limit.tryAcquire('a')).toBe(Number.POSITIVE_INFINITY);
    expect(asked).toBe(2);
  });

  it('tells each call its own reason, whoever else is refused in the same turn', async () => {
    const limiter = { consume: () => Promise.reject({ msBeforeNext: 7_000 }) };
    const { service } = make({
      resilience: { limits: { distributed: { limiter }, ratePerKey: { perSecond: 1, burst: 1 } } },
    });
    const shared = errorOf(service.call(() => 1, { clientKey: 'a' }));
    // Its own limit refuses at once, between the store's answer to the first and what that is told.
    const own: Promise<FairleadError>[] = [];
    for (let turn = 0; turn < 10; turn++) {
      own.push(errorOf(service.call(() => 1, { clientKey: 'a' })));
      await Promise.resolve();
    }
    expect((await shared).retryAfterMs).toBe(7_000);
    for (const error of await Promise.all(own)) expect(error.retryAfterMs).toBe(1_000);
  });
});

function raise(thrown: unknown): never {
  throw thrown;
}
