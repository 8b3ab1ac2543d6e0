import { getEventListeners } from 'node:events';
import { attemptsOf, type CallOptions, type Endpoint, FairleadError, Outcome, type ServiceOptions } from 'fairlead';
import { describe, expect, it } from 'vitest';
import { endpoints, type TestMesh, testMesh } from '../support/mesh.js';

const refusedConnection = (): Error => Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
const lostConnection = (): Error => Object.assign(new Error('reset'), { code: 'ECONNRESET' });

/** A service whose endpoints answer by a script: what each attempt, from the first, does. */
function scripted(
  script: ((endpoint: Endpoint, signal: AbortSignal) => Promise<string> | string)[],
  options: ServiceOptions = {},
  count = 3,
): TestMesh & {
  call: (options?: CallOptions) => Promise<string>;
  ids: string[];
  service: ReturnType<TestMesh['mesh']['service']>;
} {
  const test = testMesh({ users: endpoints(count) });
  const service = test.mesh.service('users', { policy: 'round_robin', ...options });
  const ids: string[] = [];
  const call = (callOptions?: CallOptions): Promise<string> =>
    service.call((endpoint, signal) => {
      ids.push(endpoint.spec.id);
      const step = script[Math.min(ids.length, script.length) - 1]!;
      return step(endpoint, signal);
    }, callOptions);
  return { ...test, call, ids, service };
}

const fails = (error: () => unknown) => () => Promise.reject(error());
const answers = (text: string) => () => text;
const hangs = (_: Endpoint, signal: AbortSignal): Promise<string> =>
  new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

async function codeOf(call: Promise<unknown>): Promise<unknown> {
  try {
    await call;
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
  return 'no error';
}

describe('a call by default', () => {
  it('is repeated on another endpoint at once when nothing was sent', async () => {
    const { call, ids, clock, service } = scripted([fails(refusedConnection), answers('ok')]);
    expect(await call()).toBe('ok');
    expect(new Set(ids).size).toBe(2);
    expect(clock.pending).toBe(0);
    expect(service.callStats.retries).toBe(1);
  });

  it('is not repeated when it may have taken effect', async () => {
    const { call, ids } = scripted([fails(lostConnection), answers('ok')]);
    const error = await call().catch((thrown: unknown) => thrown);
    expect((error as { code: string }).code).toBe('ECONNRESET');
    expect(ids).toHaveLength(1);
    expect(attemptsOf(error)).toEqual([
      { endpoint: ids[0], outcome: 'failure', code: 'ECONNRESET', mayHaveTakenEffect: true, hedge: false },
    ]);
  });

  it('is never repeated after an error of the application', async () => {
    const { call, ids } = scripted([fails(() => new Error('no such user')), answers('ok')]);
    await expect(call({ idempotent: true })).rejects.toThrow('no such user');
    expect(ids).toHaveLength(1);
  });

  it('gives up after three attempts, with the last error as it was thrown', async () => {
    const { call, ids } = scripted([fails(refusedConnection)], {}, 5);
    const error = await call().catch((thrown: unknown) => thrown);
    expect((error as { code: string }).code).toBe('ECONNREFUSED');
    expect(new Set(ids).size).toBe(3);
    expect(attemptsOf(error).map((attempt) => attempt.endpoint)).toEqual(ids);
  });

  it('is not repeated with retry: false, of the service or of the call', async () => {
    const off = scripted([fails(refusedConnection)], { resilience: { retry: false } });
    expect(await codeOf(off.call())).toBe('ECONNREFUSED');
    expect(off.ids).toHaveLength(1);
    const on = scripted([fails(refusedConnection)]);
    expect(await codeOf(on.call({ retry: false }))).toBe('ECONNREFUSED');
    expect(on.ids).toHaveLength(1);
  });
});

describe('an idempotent call', () => {
  it('is repeated after a lost connection, on another endpoint, after a jittered pause', async () => {
    const { call, ids, clock } = scripted([fails(lostConnection), answers('ok')]);
    const done = call({ idempotent: true });
    await clock.advanceAsync(0);
    expect(ids).toHaveLength(1);
    await clock.advanceAsync(25);
    expect(await done).toBe('ok');
    expect(new Set(ids).size).toBe(2);
  });

  it('waits exactly as long as the server asks', async () => {
    const busy = () => Object.assign(new Error('busy'), { status: 503, headers: new Headers({ 'retry-after': '2' }) });
    const { call, ids, clock } = scripted([fails(busy), answers('ok')]);
    const done = call({ idempotent: true });
    await clock.advanceAsync(1_999);
    expect(ids).toHaveLength(1);
    await clock.advanceAsync(1);
    expect(await done).toBe('ok');
  });

  it('does not wait for a server that asks for longer than the deadline, or than the option allows', async () => {
    const busy = () => Object.assign(new Error('busy'), { status: 503, headers: { 'retry-after': '5' } });
    const late = scripted([fails(busy)]);
    await expect(late.call({ idempotent: true, deadlineMs: 4_000 })).rejects.toThrow('busy');
    const long = scripted([fails(busy)]);
    await expect(long.call({ idempotent: true, retry: { maxRetryAfterMs: 4_999 } })).rejects.toThrow('busy');
    expect(late.clock.pending + long.clock.pending).toBe(0);
  });

  it('is tried elsewhere when an attempt does not answer within its time', async () => {
    const signals: AbortSignal[] = [];
    const hung = (endpoint: Endpoint, signal: AbortSignal) => {
      signals.push(signal);
      return hangs(endpoint, signal);
    };
    const { call, ids, clock } = scripted([hung, answers('ok')]);
    const done = call({ idempotent: true, retry: { attemptTimeoutMs: 200 } });
    await clock.advanceAsync(300);
    expect(await done).toBe('ok');
    expect(new Set(ids).size).toBe(2);
    expect(signals[0]?.aborted).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it('says FAIRLEAD_UNCERTAIN when the last error alone would hide that an earlier attempt may have taken effect', async () => {
    const { call, clock } = scripted([fails(lostConnection), fails(() => new Error('exists already'))]);
    const done = call({ idempotent: true }).catch((thrown: unknown) => thrown);
    await clock.advanceAsync(100);
    const error = (await done) as FairleadError;
    expect(error.code).toBe('FAIRLEAD_UNCERTAIN');
    expect((error.cause as Error).message).toBe('exists already');
    expect(attemptsOf(error).map((attempt) => attempt.mayHaveTakenEffect)).toEqual([true, false]);
  });
});

describe('the retry budget', () => {
  it('bounds the attempts in an outage by 1.2 times the calls plus 10 per second', async () => {
    const { call, ids, service } = scripted([fails(refusedConnection)], { health: [] });
    for (let i = 0; i < 2_000; i++) await call().catch(() => undefined);
    expect(ids.length).toBeLessThanOrEqual(2_000 * 1.2 + 100);
    expect(ids.length).toBeGreaterThan(2_000 * 1.2 + 90);
    expect(service.callStats.retriesOutOfBudget).toBeGreaterThan(0);
  });
});

describe('an adapter that classifies', () => {
  it('decides about the repeat, the pause and what the endpoint hears', async () => {
    const { call, ids, clock, service } = scripted([fails(() => 'moved'), answers('ok')]);
    const classify = () => ({ outcome: Outcome.Overloaded, repeat: 'always', retryAfterMs: 70 }) as const;
    const done = call({ classify });
    await clock.advanceAsync(69);
    expect(ids).toHaveLength(1);
    await clock.advanceAsync(1);
    expect(await done).toBe('ok');
    expect(service.endpoints.every((endpoint) => endpoint.failures === 0)).toBe(true);
  });

  it('is replaced by the default for a call in which it throws', async () => {
    const { call } = scripted([fails(refusedConnection), answers('ok')]);
    const classify = () => {
      throw new Error('bug');
    };
    expect(await call({ classify })).toBe('ok');
  });
});

describe('a deadline', () => {
  it('covers attempts and pauses together, and tells the attempts', async () => {
    const { call, ids, clock } = scripted([fails(lostConnection), hangs]);
    const done = call({ idempotent: true, deadlineMs: 500 }).catch((thrown: unknown) => thrown);
    await clock.advanceAsync(499);
    expect(ids).toHaveLength(2);
    await clock.advanceAsync(1);
    const error = (await done) as FairleadError;
    expect(error.code).toBe('FAIRLEAD_DEADLINE_EXCEEDED');
    expect(error.endpoint).toBe(ids[1]);
    expect(error.message).toBe(
      `A call to 'users' did not end within its deadline of 500 ms: endpoint '${ids[1]}' had not answered.`,
    );
    expect(attemptsOf(error).map((attempt) => attempt.outcome)).toEqual(['failure', 'timeout']);
    expect(clock.pending).toBe(0);
  });

  it('of the service holds for calls that say nothing', async () => {
    const { call, clock } = scripted([hangs], { resilience: { deadlineMs: 100 } });
    const code = codeOf(call());
    await clock.advanceAsync(100);
    expect(await code).toBe('FAIRLEAD_DEADLINE_EXCEEDED');
  });

  it('cannot be held up by a function that ignores its signal', async () => {
    const { call, clock, service } = scripted([() => new Promise<string>(() => undefined)]);
    const code = codeOf(call({ deadlineMs: 100 }));
    await clock.advanceAsync(100);
    expect(await code).toBe('FAIRLEAD_DEADLINE_EXCEEDED');
    expect(service.endpoints.every((endpoint) => endpoint.inflight === 0)).toBe(true);
  });
});

describe('a cancelled call', () => {
  it('ends its attempt, is not repeated, and leaves no listener behind', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const { call, ids, clock } = scripted([fails(lostConnection), hangs]);
    const done = call({ idempotent: true, signal }).catch((thrown: unknown) => thrown);
    await clock.advanceAsync(30);
    controller.abort(new Error('enough'));
    const error = (await done) as FairleadError;
    expect(error).toBeInstanceOf(FairleadError);
    expect(error.code).toBe('FAIRLEAD_CANCELLED');
    expect((error.cause as Error).message).toBe('enough');
    expect(ids).toHaveLength(2);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it('shares one listener with all other calls of its signal, which takes it away with the last of them', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const { call, clock } = scripted([hangs], {}, 1);
    const first = codeOf(call({ signal, deadlineMs: 10 }));
    const others = Array.from({ length: 100 }, () => codeOf(call({ signal })));
    await clock.advanceAsync(10);
    expect(await first).toBe('FAIRLEAD_DEADLINE_EXCEEDED');
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    controller.abort();
    expect(new Set(await Promise.all(others))).toEqual(new Set(['FAIRLEAD_CANCELLED']));
    const unused = new AbortController();
    const { call: quick } = scripted([answers('ok')]);
    await Promise.all(Array.from({ length: 20 }, () => quick({ signal: unused.signal })));
    expect(getEventListeners(unused.signal, 'abort')).toEqual([]);
  });

  it('never runs when its signal was aborted before', async () => {
    const { call, ids } = scripted([answers('ok')]);
    expect(await codeOf(call({ signal: AbortSignal.abort() }))).toBe('FAIRLEAD_CANCELLED');
    expect(ids).toEqual([]);
  });
});

describe('hedging', () => {
  const resilience = { hedge: { afterMs: 100 }, idempotent: true };

  it('starts a second attempt on another endpoint when the first is slow, and cancels the loser', async () => {
    const signals: AbortSignal[] = [];
    const hung = (endpoint: Endpoint, signal: AbortSignal) => {
      signals.push(signal);
      return hangs(endpoint, signal);
    };
    const { call, ids, clock, service } = scripted([hung, answers('ok')], { resilience });
    const done = call();
    await clock.advanceAsync(99);
    expect(ids).toHaveLength(1);
    await clock.advanceAsync(1);
    expect(await done).toBe('ok');
    expect(new Set(ids).size).toBe(2);
    expect(signals[0]?.aborted).toBe(true);
    expect(service.callStats).toMatchObject({ hedges: 1, hedgesWon: 1, retries: 0 });
    expect(service.endpoints.map((endpoint) => endpoint.inflight)).toEqual([0, 0, 0]);
    expect(clock.pending).toBe(0);
  });

  it('never touches a call that is not idempotent', async () => {
    const { call, ids, clock } = scripted([hangs], { resilience });
    const code = codeOf(call({ idempotent: false, deadlineMs: 1_000 }));
    await clock.advanceAsync(1_000);
    expect(await code).toBe('FAIRLEAD_DEADLINE_EXCEEDED');
    expect(ids).toHaveLength(1);
  });

  it('does not start a second attempt on the only endpoint', async () => {
    const { call, ids, clock } = scripted([hangs], { resilience }, 1);
    const code = codeOf(call({ deadlineMs: 1_000 }));
    await clock.advanceAsync(1_000);
    await code;
    expect(ids).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });

  it('takes an error of the application for the answer, and waits for the other after a failure', async () => {
    const later = (ms: number, end: () => unknown) => (): Promise<string> =>
      new Promise((resolve, reject) => {
        clockRef.current!.after(ms, () => {
          const result = end();
          if (typeof result === 'string') resolve(result);
          else reject(result);
        });
      });
    const clockRef: { current: TestMesh['clock'] | undefined } = { current: undefined };
    const first = scripted([later(300, () => 'slow but well'), later(50, lostConnection)], { resilience });
    clockRef.current = first.clock;
    const done = first.call();
    await first.clock.advanceAsync(300);
    expect(await done).toBe('slow but well');
    const second = scripted([hangs, later(50, () => new Error('no such user'))], { resilience });
    clockRef.current = second.clock;
    const failed = second.call().catch((thrown: unknown) => thrown);
    await second.clock.advanceAsync(150);
    expect(((await failed) as Error).message).toBe('no such user');
    expect(second.clock.pending).toBe(0);
  });

  it('starts no other beside a slow one once a server has asked for less, or for later', async () => {
    const later = { 'retry-after': '0' };
    for (const error of [{ status: 429 }, { status: 503, headers: later }]) {
      const hedge = { afterMs: 100, maxAttempts: 3 };
      const { call, ids, clock } = scripted([hangs, fails(() => Object.assign(new Error('busy'), error)), hangs], {
        resilience: { idempotent: true, hedge },
      });
      const code = codeOf(call({ deadlineMs: 1_000 }));
      await clock.advanceAsync(1_000);
      expect(await code).toBe('FAIRLEAD_DEADLINE_EXCEEDED');
      expect(ids).toHaveLength(2);
      expect(clock.pending).toBe(0);
    }
  });

  it('pays nothing from its budget for an attempt that a limit refuses', async () => {
    const hedge = { afterMs: 100, budget: { ratio: 0, minPerSecond: 0.1 } };
    const { call, ids, clock, service } = scripted([hangs], {
      health: [],
      resilience: { idempotent: true, hedge, limits: { maxInflight: 2 } },
    });
    const lease = service.acquire();
    const refused = codeOf(call({ deadlineMs: 150 }));
    await clock.advanceAsync(150);
    await refused;
    expect([ids.length, service.callStats.hedges]).toEqual([1, 0]);
    lease.done(Outcome.Success);
    const hedged = codeOf(call({ deadlineMs: 150 }));
    await clock.advanceAsync(150);
    await hedged;
    expect([ids.length, service.callStats.hedges, service.callStats.hedgesOutOfBudget]).toEqual([3, 1, 0]);
  });

  it('stays within its budget', async () => {
    const { call, clock, service } = scripted([hangs], {
      health: [],
      resilience: { ...resilience, hedge: { afterMs: 100, budget: { ratio: 0.1, minPerSecond: 0 } } },
    });
    const calls = Array.from({ length: 200 }, () => call({ deadlineMs: 500 }).catch(() => undefined));
    await clock.advanceAsync(500);
    await Promise.all(calls);
    expect(service.callStats.hedges).toBe(20);
    expect(service.callStats.hedgesOutOfBudget).toBeGreaterThanOrEqual(180);
    expect(clock.pending).toBe(0);
  });
});

describe('options of a call', () => {
  it.each([
    [{ retry: { maxAttempts: 0 } }, /call\.retry\.maxAttempts is 0/],
    [{ retry: { budget: {} } }, /call\.retry\.budget is not an option/],
    [{ idempotent: 'yes' }, /call\.idempotent is "yes"/],
    [{ idempotant: true }, /call\.idempotant is not an option/],
    [{ clientKey: 5 }, /call\.clientKey is 5/],
    [{ deadlineMs: -1 }, /call\.deadlineMs is -1/],
    [{ deadlineMs: Number.NaN }, /call\.deadlineMs is NaN/],
    [{ deadlineMs: Number.POSITIVE_INFINITY }, /call\.deadlineMs is Infinity/],
    [{ signal: {} }, /call\.signal is an object: allowed is an AbortSignal/],
    [{ signal: null }, /call\.signal is null/],
    [{ key: 5 }, /call\.key is 5/],
    [{ retry: 3 }, /call\.retry is 3/],
    [{ classify: 'x' }, /call\.classify is "x"/],
    ['idempotent', /call is a text of 10 characters: allowed is an object/],
    [null, /call is null/],
  ])('are refused with their name: %j', async (options, message) => {
    const { call, ids } = scripted([answers('ok')]);
    await expect(call(options as never)).rejects.toThrow(message);
    expect(ids).toEqual([]);
  });
});
