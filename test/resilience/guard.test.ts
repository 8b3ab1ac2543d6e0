import { type FairleadError, isRefusal, Outcome, type ResilienceOptions } from 'fairlead';
import { DistributedLimit, parseRetryAfter, parseRetryPushback } from 'fairlead/resilience';
import { ManualClock } from 'fairlead/testing';
import fc from 'fast-check';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { describe, expect, it } from 'vitest';
import { endpoints, testMesh } from '../support/mesh.js';

function guarded(resilience: ResilienceOptions, count = 2) {
  const test = testMesh({ users: endpoints(count) });
  return { ...test, service: test.mesh.service('users', { resilience, health: [] }) };
}

async function errorOf(call: Promise<unknown>): Promise<FairleadError> {
  return call.then(
    () => expect.unreachable('it should have failed'),
    (error: FairleadError) => error,
  );
}

/** A call that goes on until told to end. */
function open(service: ReturnType<typeof guarded>['service'], options?: object) {
  let end = (): void => undefined;
  let began = false;
  const done = service.call(() => {
    began = true;
    return new Promise<void>((resolve) => {
      end = resolve;
    });
  }, options);
  return { done, end: () => end(), began: () => began };
}

describe('limits of a service', () => {
  it('refuse what is more than maxInflight at once, saying when to come back, without a stack', async () => {
    const { service } = guarded({ limits: { maxInflight: 2 } });
    const first = open(service);
    const second = open(service);
    const error = await errorOf(service.call(() => 1));
    expect(error.code).toBe('FAIRLEAD_TOO_MANY_CALLS');
    expect(error.retryAfterMs).toBeGreaterThan(0);
    expect(isRefusal(error)).toBe(true);
    expect(error.message).toMatch(/^A call to 'users' was refused: .*\. Nothing was sent; try again in \d+ ms\.$/);
    expect(error.stack).not.toContain('\n');
    expect(service.callStats.refused).toBe(1);
    first.end();
    second.end();
    await Promise.all([first.done, second.done]);
    expect(await service.call(() => 1)).toBe(1);
  });

  it('hold for acquire and for subsets as well', () => {
    const { service } = guarded({ limits: { maxInflight: 1 } });
    const lease = service.subset({ usable: () => true }).acquire();
    expect(() => service.acquire()).toThrow(expect.objectContaining({ code: 'FAIRLEAD_TOO_MANY_CALLS' }));
    lease.done(Outcome.Success);
    service.acquire().done(Outcome.Success);
  });

  it('count a call that finds no endpoint as over', () => {
    const { service, resolver } = guarded({ limits: { maxInflight: 1 } });
    resolver.update('users', []);
    for (let i = 0; i < 3; i++) expect(() => service.acquire()).toThrow(/No endpoint/);
    resolver.update('users', endpoints(1));
    service.acquire().done(Outcome.Success);
  });

  it('let calls wait in line where maxPending allows, first come, first served', async () => {
    const { service, clock } = guarded({ limits: { maxInflight: 1, maxPending: 2 } });
    const calls = [open(service), open(service), open(service)];
    const refused = await errorOf(service.call(() => 1));
    expect(refused.code).toBe('FAIRLEAD_TOO_MANY_CALLS');
    expect(calls.map((call) => call.began())).toEqual([true, false, false]);
    for (const [index, call] of calls.entries()) {
      await clock.advanceAsync(0);
      expect(calls.map((each) => each.began())).toEqual([true, index > 0, index > 1]);
      call.end();
      await call.done;
    }
  });

  it('give the turn of a waiting call that gave up to the next', async () => {
    const { service, clock } = guarded({ limits: { maxInflight: 1, maxPending: 5 } });
    const first = open(service);
    const impatient = errorOf(open(service, { deadlineMs: 10 }).done);
    const patient = open(service);
    await clock.advanceAsync(10);
    expect((await impatient).code).toBe('FAIRLEAD_DEADLINE_EXCEEDED');
    first.end();
    await clock.advanceAsync(0);
    expect(patient.began()).toBe(true);
    patient.end();
    await patient.done;
    expect(clock.pending).toBe(0);
  });

  it('send a call to another endpoint while one is at its own limit', async () => {
    const { service } = guarded({ limits: { maxInflightPerEndpoint: 1 } }, 3);
    const leases = [service.acquire(), service.acquire(), service.acquire()];
    expect(new Set(leases.map((lease) => lease.endpoint)).size).toBe(3);
    expect(() => service.acquire()).toThrow(expect.objectContaining({ code: 'FAIRLEAD_TOO_MANY_CALLS' }));
    leases[1]!.done(Outcome.Success);
    expect(service.acquire().endpoint).toBe(leases[1]!.endpoint);
  });

  it('keep the rate of the service and of each key', async () => {
    const { service, clock } = guarded({
      limits: { rate: { perSecond: 10, burst: 5 }, ratePerKey: { perSecond: 1, burst: 2 } },
    });
    const call = (clientKey: string) => service.call(() => 1, { clientKey });
    await Promise.all([call('a'), call('a'), call('b')]);
    const own = await errorOf(call('a'));
    expect([own.code, own.retryAfterMs]).toEqual(['FAIRLEAD_RATE_LIMITED', 1_000]);
    await Promise.all([call('b'), call('c')]);
    const all = await errorOf(call('d'));
    expect([all.code, all.retryAfterMs]).toEqual(['FAIRLEAD_RATE_LIMITED', 100]);
    clock.advance(100);
    expect(await call('d')).toBe(1);
  });

  it('throttle calls to a service that turns all of them away', async () => {
    const { service } = guarded({ throttle: true, retry: false });
    const busy = () => Promise.reject(Object.assign(new Error('busy'), { status: 429 }));
    const codes: unknown[] = [];
    for (let i = 0; i < 200; i++) codes.push((await errorOf(service.call(busy))).code);
    expect(codes.filter((code) => code === 'FAIRLEAD_THROTTLED').length).toBeGreaterThan(150);
  });
});

describe('breakers', () => {
  it('of endpoints keep calls off the broken one, tell so, and let it return through one probe', async () => {
    const { service, clock } = guarded({ breakerPerEndpoint: { consecutiveFailures: 3, jitterRatio: 0 } }, 2);
    const events: string[] = [];
    service.on('breaker', ({ endpoint, to, reason }) => events.push(`${endpoint?.spec.id} ${to} ${reason}`));
    let broken = true;
    const run = (endpoint: { spec: { id: string } }): Promise<string> =>
      broken && endpoint.spec.id === 'e0'
        ? Promise.reject(Object.assign(new Error('reset'), { code: 'ECONNRESET' }))
        : Promise.resolve(endpoint.spec.id);
    let failures = 0;
    for (let i = 0; i < 50; i++) await service.call(run).catch(() => failures++);
    expect(failures).toBe(3);
    expect(events).toEqual(['e0 open consecutive_failures']);
    broken = false;
    clock.advance(1_000);
    const answers = new Set<string>();
    for (let i = 0; i < 20; i++) answers.add(await service.call(run));
    expect(answers).toEqual(new Set(['e0', 'e1']));
    expect(events.slice(1)).toEqual(['e0 half_open probe_due', 'e0 closed probe_succeeded']);
  });

  it('of the service refuse at once with the time of the next probe', async () => {
    const { service, clock } = guarded({ breaker: { jitterRatio: 0 }, retry: false });
    const lost = () => Promise.reject(Object.assign(new Error('reset'), { code: 'ECONNRESET' }));
    for (let i = 0; i < 5; i++) await errorOf(service.call(lost));
    const error = await errorOf(service.call(lost));
    expect([error.code, error.retryAfterMs]).toEqual(['FAIRLEAD_CIRCUIT_OPEN', 1_000]);
    clock.advance(1_000);
    expect(await service.call(() => 'back')).toBe('back');
    expect(await service.call(() => 'open to all')).toBe('open to all');
  });

  it('do not stop a call from being repeated elsewhere', async () => {
    const { service } = guarded({ breakerPerEndpoint: true }, 2);
    const refused = (endpoint: { spec: { id: string } }) =>
      endpoint.spec.id === 'e0'
        ? Promise.reject(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }))
        : Promise.resolve('ok');
    for (let i = 0; i < 50; i++) expect(await service.call(refused)).toBe('ok');
  });
});

describe('a distributed limit', () => {
  const failing = { consume: () => Promise.reject(new Error('redis is down')) };

  it('counts by rate-limiter-flexible, and refuses a key again without asking', async () => {
    const limiter = new RateLimiterMemory({ points: 2, duration: 60 });
    let asked = 0;
    const counting = {
      consume: (key: string | number) => {
        asked++;
        return limiter.consume(key);
      },
    };
    const { service } = guarded({ limits: { distributed: { limiter: counting } } });
    const call = (clientKey: string) => service.call(() => 1, { clientKey });
    await call('a');
    await call('a');
    const error = await errorOf(call('a'));
    expect(error.code).toBe('FAIRLEAD_RATE_LIMITED');
    expect(error.retryAfterMs).toBeGreaterThan(50_000);
    await errorOf(call('a'));
    expect(asked).toBe(3);
    expect(await call('b')).toBe(1);
  });

  it('lets calls pass when the store fails or is slow, or refuses them, as it is told; and says so', async () => {
    const errors: unknown[] = [];
    const clock = new ManualClock();
    const allow = new DistributedLimit({ limiter: failing, onError: (error) => errors.push(error) }, clock);
    expect(await allow.tryAcquire('a')).toBe(0);
    expect(errors).toHaveLength(1);
    const refuse = new DistributedLimit({ limiter: failing, onStoreFailure: 'refuse' }, clock);
    expect(await refuse.tryAcquire('a')).toBeGreaterThan(0);
    const hung = new DistributedLimit({ limiter: { consume: () => new Promise(() => undefined) } }, clock);
    const passed = hung.tryAcquire('a');
    await clock.advanceAsync(100);
    expect(await passed).toBe(0);
    expect(clock.pending).toBe(0);
  });

  it('remembers no more refused keys than it may', async () => {
    const limiter = { consume: () => Promise.reject({ msBeforeNext: 10_000 }) };
    const limit = new DistributedLimit({ limiter, blockedCapacity: 2 }, new ManualClock());
    for (const key of ['a', 'b', 'c']) await limit.tryAcquire(key);
    expect(['a', 'b', 'c'].map((key) => limit.blockedMs(key, 0) > 0)).toEqual([false, true, true]);
  });
});

describe('what a server says about when to come back', () => {
  it('is read from Retry-After as RFC 9110 writes it', () => {
    const wallMs = Date.parse('Fri, 31 Dec 1999 23:59:00 GMT');
    expect(parseRetryAfter('120', wallMs)).toBe(120_000);
    expect(parseRetryAfter('Fri, 31 Dec 1999 23:59:59 GMT', wallMs)).toBe(59_000);
    expect(parseRetryAfter('Fri, 31 Dec 1999 23:00:00 GMT', wallMs)).toBe(0);
    for (const nonsense of ['', 'soon', '-5', '1.5', '0x10']) expect(parseRetryAfter(nonsense, wallMs)).toBeUndefined();
  });

  it('is read from grpc-retry-pushback-ms as gRFC A6 says', () => {
    expect(parseRetryPushback('0')).toBe(0);
    expect(parseRetryPushback('250')).toBe(250);
    for (const never of ['-1', '', 'x', '1.5']) expect(parseRetryPushback(never)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('options of resilience', () => {
  it.each([
    [{ retries: true }, /resilience\.retries is not an option/],
    [{ retry: { maxAttempts: 0 } }, /resilience\.retry\.maxAttempts is 0/],
    [{ retry: { budget: { ratio: -1 } } }, /resilience\.retry\.budget\.ratio is -1/],
    [{ hedge: { percentile: 100 } }, /resilience\.hedge\.percentile is 100/],
    [{ breaker: { openMs: 0 } }, /resilience\.breaker\.openMs is 0/],
    [{ limits: { rate: {} } }, /resilience\.limits\.rate\.perSecond is undefined/],
    [{ limits: { windowPerKey: {} } }, /resilience\.limits\.windowPerKey\.max is undefined/],
    [{ limits: { adaptive: { min: 30, max: 20 } } }, /adaptive\.min is 30, more than max/],
    [{ limits: { distributed: { limiter: {} } } }, /distributed\.limiter is an object/],
  ])('are refused with their name: %j', (resilience, message) => {
    const { mesh } = testMesh({ users: endpoints(1) });
    expect(() => mesh.service('users', { resilience: resilience as never })).toThrow(message);
  });
});

describe('after any mix of calls', () => {
  it('no timer is left, nothing is in flight, and every limit lets calls pass again', async () => {
    const step = fc.record({
      outcome: fc.constantFrom('ok', 'slow', 'hang', 'lost', 'refused', 'wrong'),
      deadlineMs: fc.option(fc.integer({ min: 1, max: 400 }), { nil: undefined }),
      idempotent: fc.boolean(),
      cancelAfterMs: fc.option(fc.integer({ min: 0, max: 300 }), { nil: undefined }),
      gapMs: fc.integer({ min: 0, max: 60 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const { service, clock, mesh } = guarded(
          {
            deadlineMs: 1_000,
            hedge: { afterMs: 50 },
            retry: { attemptTimeoutMs: 150 },
            breakerPerEndpoint: true,
            limits: { maxInflight: 4, maxPending: 3, maxInflightPerEndpoint: 2, adaptive: true },
          },
          3,
        );
        const calls = steps.map(async ({ outcome, deadlineMs, idempotent, cancelAfterMs, gapMs }, index) => {
          const controller = new AbortController();
          await new Promise<void>((resolve) => clock.after(index * gapMs, resolve));
          if (cancelAfterMs !== undefined) clock.after(cancelAfterMs, () => controller.abort());
          const run = (): Promise<string> => {
            if (outcome === 'ok') return Promise.resolve('ok');
            if (outcome === 'hang') return new Promise(() => undefined);
            if (outcome === 'slow') return new Promise((resolve) => clock.after(120, () => resolve('slow')));
            const code = { lost: 'ECONNRESET', refused: 'ECONNREFUSED', wrong: 'E_OTHER' }[outcome];
            return Promise.reject(Object.assign(new Error(outcome), { code }));
          };
          return service.call(run, { idempotent, signal: controller.signal, ...(deadlineMs && { deadlineMs }) });
        });
        const settled = Promise.allSettled(calls);
        await clock.advanceAsync(10_000);
        await settled;
        expect(clock.pending).toBe(0);
        expect(service.endpoints.map((endpoint) => endpoint.inflight)).toEqual([0, 0, 0]);
        await clock.advanceAsync(60_000);
        expect(await service.call(() => 'well')).toBe('well');
        await mesh.close();
        expect(clock.pending).toBe(0);
      }),
      { numRuns: 60, seed: 13 },
    );
  });
});
