import { mock } from 'node:test';
import {
  ConsecutiveBreaker,
  circuitBreaker,
  retry as cockatielRetry,
  handleAll,
  SamplingBreaker,
  TimeoutStrategy,
  timeout,
  wrap,
} from 'cockatiel';
import { type CallOptions, createMesh, type ResilienceOptions, type Service, staticResolver } from 'fairlead';
import { TokenBucket } from 'fairlead/resilience';
import { ManualClock } from 'fairlead/testing';
import Opossum from 'opossum';
import type { Case, Contender, Suite } from '../runner/suite.js';

const HOUR_MS = 3_600_000;

const lost = (): Error => Object.assign(new Error('reset'), { code: 'ECONNRESET' });
const ok = (): Promise<number> => Promise.resolve(1);
/** Declares the signal, so that it has to be made. */
const okWithSignal = (_: unknown, _signal: AbortSignal): Promise<number> => Promise.resolve(1);

const fairlead = (resilience?: ResilienceOptions, clock?: ManualClock): Service =>
  createMesh({
    resolver: staticResolver({ s: Array.from({ length: 10 }, (_, i) => `127.0.0.1:${5_000 + i}`) }),
    ...(clock && { clock }),
  }).service('s', { health: [], ...(resilience && { resilience }) });

const swallow = (call: Promise<unknown>): Promise<unknown> => call.catch(() => undefined);

/** What is measured: made once, then called again and again. */
type Make = () => (() => unknown) | Promise<() => unknown>;

const ignore = (): void => undefined;

const options = { idempotent: true, clientKey: 'tenant' };
const all: ResilienceOptions = { breaker: true, limits: { maxInflight: 100 }, deadlineMs: 1_000 };
const hedged: ResilienceOptions = { hedge: { afterMs: 100 }, idempotent: true };

/** A call of a service with these options. */
const calling =
  (resilience?: ResilienceOptions, run: typeof okWithSignal | typeof ok = ok, with_?: CallOptions): Make =>
  () => {
    const service = fairlead(resilience);
    return () => service.call(run, with_);
  };

const succeeding: Record<string, Make> = {
  'a bare await': () => ok,
  'fairlead acquire and done (picks of 10), bare await': () => {
    const plain = fairlead({ retry: false });
    return async () => {
      const lease = plain.acquire();
      await ok();
      lease.done(0);
    };
  },
  'fairlead call, defaults (picks of 10, retry on)': calling(),
  'fairlead call, options { idempotent, clientKey }': calling({}, ok, options),
  'fairlead call, breakers of service and endpoints': calling({ breaker: true, breakerPerEndpoint: true }),
  'fairlead call, breaker, limit and deadline': calling(all),
  'the same, of a function that declares a signal': calling(all, okWithSignal),
  'fairlead call, hedging armed': calling(hedged),
  'hedging, of a function that declares a signal': calling(hedged, okWithSignal),
  'opossum 9, breaker': () => {
    const breaker = new Opossum(ok, { timeout: false });
    return () => breaker.fire();
  },
  'opossum 9, breaker, limit and timeout': () => {
    const breaker = new Opossum(ok, { timeout: 1_000, capacity: 100 });
    return () => breaker.fire();
  },
  'cockatiel 3, breaker': () => {
    const policy = newBreaker(5);
    return () => policy.execute(ok);
  },
  'cockatiel 3, retry and breaker': () => {
    const policy = wrap(cockatielRetry(handleAll, { maxAttempts: 2 }), newBreaker(5));
    return () => policy.execute(ok);
  },
  'cockatiel 3, breaker and timeout, with its signal': () => {
    const policy = wrap(newBreaker(5), timeout(1_000, TimeoutStrategy.Aggressive));
    return () => policy.execute(ok);
  },
};

const newBreaker = (failures: number) =>
  circuitBreaker(handleAll, { halfOpenAfter: HOUR_MS, breaker: new ConsecutiveBreaker(failures) });

const SPENT = { perSecond: 1e-6, burst: 1 };

const emptied = (): TokenBucket => {
  const bucket = new TokenBucket(SPENT);
  bucket.tryAcquire(0);
  return bucket;
};

const refusing = async (limits: NonNullable<ResilienceOptions['limits']>, leases: number): Promise<Service> => {
  const service = fairlead({ limits });
  for (let i = 0; i < leases; i++) service.acquire();
  return service;
};

/** The rejection is awaited and caught. */
const refused: Record<string, Make> = {
  'a bare await': () => ok,
  'fairlead call, rate limit': async () => {
    const service = await refusing({ rate: SPENT }, 1);
    return () => swallow(service.call(ok));
  },
  'fairlead call, open breaker': async () => {
    const service = fairlead({ breaker: { openMs: HOUR_MS, maxOpenMs: HOUR_MS }, retry: false });
    for (let i = 0; i < 5; i++) await swallow(service.call(() => Promise.reject(lost())));
    return () => swallow(service.call(ok));
  },
  'opossum 9, open breaker': () => {
    const breaker = new Opossum(ok, { timeout: false });
    breaker.open();
    return () => swallow(breaker.fire());
  },
  'cockatiel 3, open breaker': async () => {
    const policy = newBreaker(1);
    await swallow(policy.execute(() => Promise.reject(lost())));
    return () => swallow(policy.execute(ok));
  },
};

/** Without the await of the loop, which is not the callee's. */
const refusedAtOnce: Record<string, Make> = {
  'fairlead TokenBucket.tryAcquire': () => {
    const bucket = emptied();
    return () => bucket.tryAcquire(1);
  },
  'fairlead acquire, rate limit, error thrown and caught': async () => {
    const service = await refusing({ rate: SPENT }, 1);
    return () => caught(() => service.acquire());
  },
  'fairlead acquire, all 10 endpoints at their limit': async () => {
    const service = await refusing({ maxInflightPerEndpoint: 1 }, 10);
    return () => caught(() => service.acquire());
  },
  'fairlead call, rate limit, promise made': async () => {
    const service = await refusing({ rate: SPENT }, 1);
    return () => service.call(ok).catch(ignore);
  },
  'fairlead call, all 10 endpoints at their limit, promise made': async () => {
    const service = await refusing({ maxInflightPerEndpoint: 1 }, 10);
    return () => service.call(ok).catch(ignore);
  },
  'fairlead call, rate of a key, promise made': async () => {
    const service = fairlead({ limits: { ratePerKey: SPENT } });
    await service.call(ok, options);
    return () => service.call(ok, options).catch(ignore);
  },
};

function caught(run: () => unknown): void {
  try {
    run();
  } catch {
    // Refused.
  }
}

const awaiting = (make: Make) => async (): Promise<Contender> => {
  const call = await make();
  return {
    run: async (operations) => {
      for (let i = 0; i < operations; i++) await call();
      return undefined;
    },
  };
};

/** Without the await of the loop, which is not the callee's. */
const atOnce = (make: Make) => async (): Promise<Contender> => {
  const call = await make();
  return {
    run: async (operations) => {
      for (let i = 0; i < operations; i++) call();
      // What was rejected is let go, or every turn would be slowed by those before it.
      await new Promise((resolve) => setImmediate(resolve));
      return undefined;
    },
  };
};

const mapped = (cases: Readonly<Record<string, Make>>, how: typeof awaiting): Case<undefined>['contenders'] =>
  Object.fromEntries(Object.entries(cases).map(([name, make]) => [name, how(make)]));

interface Breaking {
  call(good: boolean): Promise<unknown>;
  isOpen(): boolean;
  advance(ms: number): void;
}

/**
 * One operation is one outage: failed calls until the breaker opens, after 10 s of 200 successes a
 * second and a pause.
 */
const detecting = (make: () => Breaking, pauseMs: number) => (): Contender => ({
  run: async (operations) => {
    let failures = 0;
    for (let i = 0; i < operations; i++) {
      const { call, isOpen, advance } = make();
      for (let good = 0; good < 2_000; good++) {
        await call(true);
        advance(5);
      }
      advance(pauseMs);
      while (!isOpen() && failures < 20_000) {
        await swallow(call(false));
        failures++;
        advance(5);
      }
    }
    mock.timers.reset();
    return { failures: failures / operations };
  },
});

const ours = (breaker: NonNullable<ResilienceOptions['breaker']>) => (): Breaking => {
  const clock = new ManualClock();
  const service = fairlead({ breaker, retry: false }, clock);
  let open = false;
  service.on('breaker', ({ to }) => {
    open = to === 'open';
  });
  return {
    call: (good) => service.call(() => (good ? 1 : Promise.reject(lost()))),
    isOpen: () => open,
    advance: (ms) => clock.advance(ms),
  };
};
const opossum = (): Breaking => {
  mock.timers.reset();
  mock.timers.enable({ apis: ['Date', 'setTimeout', 'setInterval'] });
  const breaker = new Opossum((good: boolean) => (good ? ok() : Promise.reject(lost())), {
    timeout: false,
    volumeThreshold: 20,
    errorThresholdPercentage: 50,
    rollingCountTimeout: 10_000,
  });
  return {
    call: (good) => breaker.fire(good),
    isOpen: () => breaker.opened,
    advance: (ms) => mock.timers.tick(ms),
  };
};
const cockatiel = (): Breaking => {
  mock.timers.reset();
  mock.timers.enable({ apis: ['Date', 'setTimeout', 'setInterval'] });
  const policy = circuitBreaker(handleAll, {
    halfOpenAfter: 1_000,
    breaker: new SamplingBreaker({ threshold: 0.5, duration: 10_000, minimumRps: 2 }),
  });
  let open = false;
  policy.onBreak(() => {
    open = true;
  });
  return {
    call: (good) => policy.execute(() => (good ? ok() : Promise.reject(lost()))),
    isOpen: () => open,
    advance: (ms) => mock.timers.tick(ms),
  };
};

const detection = (title: string, pauseMs: number): Case<undefined> => ({
  title: `an outage at 200 calls a second, ${title}: failures until open`,
  operations: 1,
  baseline: 'fairlead, defaults (row of 5 or ratio)',
  measure: 'failures',
  warmups: 0,
  contenders: {
    'fairlead, defaults (row of 5 or ratio)': detecting(ours(true), pauseMs),
    'fairlead, ratio only': detecting(ours({ consecutiveFailures: 0 }), pauseMs),
    'opossum 9': detecting(opossum, pauseMs),
    'cockatiel 3, SamplingBreaker': detecting(cockatiel, pauseMs),
  },
});

export const suite: Suite = {
  about: 'what resilience costs a call, and how soon an outage is noticed, beside opossum and cockatiel',
  rounds: 7,
  cases: [
    {
      title: 'a call that succeeds',
      operations: 50_000,
      baseline: 'opossum 9, breaker',
      contenders: mapped(succeeding, awaiting),
    },
    {
      title: 'a call that is refused, its rejection awaited and caught',
      operations: 50_000,
      baseline: 'opossum 9, open breaker',
      contenders: mapped(refused, awaiting),
    },
    {
      title: 'a refusal, nothing awaited',
      operations: 50_000,
      baseline: 'fairlead TokenBucket.tryAcquire',
      contenders: mapped(refusedAtOnce, atOnce),
    },
    detection('no pause before', 0),
    detection('an idle hour before', HOUR_MS),
  ],
};
