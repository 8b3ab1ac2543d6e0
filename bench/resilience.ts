/**
 * What resilience costs per call, and how soon an outage is noticed, beside opossum and cockatiel.
 * `npm run bench:resilience`, on the built package: what compiles the sources on the fly would add
 * to every closure.
 */
import { spawnSync } from 'node:child_process';
import { mock } from 'node:test';
import { fileURLToPath } from 'node:url';
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

declare const gc: (() => void) | undefined;

const CALLS = 50_000;
/** Few enough that no collection comes in between. */
const CALLS_FOR_BYTES = 5_000;
const ROUNDS = 7;
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

/**
 * First the times, then the bytes: a full collection before each round would throw away what the
 * compiler has learnt.
 */
async function measure(name: string, call: () => unknown): Promise<void> {
  let ns = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 2 * ROUNDS; round++) {
    const cpu = process.cpuUsage();
    for (let i = 0; i < CALLS; i++) await call();
    const used = process.cpuUsage(cpu);
    ns = Math.min(ns, ((used.user + used.system) * 1_000) / CALLS);
  }
  const bytes: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    gc?.();
    const heap = process.memoryUsage().heapUsed;
    for (let i = 0; i < CALLS_FOR_BYTES; i++) await call();
    bytes.push((process.memoryUsage().heapUsed - heap) / CALLS_FOR_BYTES);
  }
  console.log(`${name.padEnd(62)} ${ns.toFixed(0).padStart(7)} ns ${median(bytes).toFixed(0).padStart(6)} B`);
}

/** A collection in the middle of a round makes that round's figure too small. */
const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1]!;

const swallow = (call: Promise<unknown>): Promise<unknown> => call.catch(() => undefined);

/** What is measured: made once, then called again and again. */
type Make = () => (() => unknown) | Promise<() => unknown>;

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

const TABLES = { succeeding, refused, refusedAtOnce };

/**
 * Each in a process of its own, so that none is measured with what another one's types have made
 * slower, or with its timers.
 */
function table(title: string, name: keyof typeof TABLES): void {
  console.log(`\n${title}: CPU time (the least) and bytes (the median) of several rounds`);
  for (const each of Object.keys(TABLES[name])) {
    const args = [...process.execArgv, fileURLToPath(import.meta.url), name, each];
    const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
    process.stdout.write(stdout);
  }
}

async function one(tableName: keyof typeof TABLES, name: string): Promise<void> {
  const call = await TABLES[tableName][name]!();
  if (tableName === 'refusedAtOnce') await synchronously(name, call);
  else await measure(name, call);
}

function caught(run: () => unknown): void {
  try {
    run();
  } catch {
    // Refused.
  }
}

const ignore = (): void => undefined;

async function synchronously(name: string, call: () => unknown): Promise<void> {
  let ns = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS * 3; round++) {
    const cpu = process.cpuUsage();
    for (let i = 0; i < CALLS; i++) call();
    const used = process.cpuUsage(cpu);
    ns = Math.min(ns, ((used.user + used.system) * 1_000) / CALLS);
    // What was rejected is let go, or every round would be slowed by those before it.
    await new Promise((resolve) => setImmediate(resolve));
  }
  console.log(`${name.padEnd(62)} ${ns.toFixed(0).padStart(7)} ns`);
}

/** Failed calls until the breaker opens, after 10 s of 200 successes a second and a pause. */
async function detect(
  name: string,
  call: (good: boolean) => Promise<unknown>,
  isOpen: () => boolean,
  advance: (ms: number) => void,
  pauseMs: number,
): Promise<void> {
  for (let i = 0; i < 2_000; i++) {
    await call(true);
    advance(5);
  }
  advance(pauseMs);
  let failures = 0;
  while (!isOpen() && failures < 20_000) {
    await swallow(call(false));
    failures++;
    advance(5);
  }
  const shown = isOpen() ? `${failures} calls, ${failures * 5} ms` : 'never';
  console.log(`${name.padEnd(46)} after ${pauseMs === 0 ? 'no pause' : 'an idle hour'}: ${shown}`);
}

async function detection(): Promise<void> {
  console.log('\nA total outage at 200 calls a second, window 10 s, ratio 0.5, at least 20 calls: failures until open');
  for (const pauseMs of [0, HOUR_MS]) {
    for (const [name, breaker] of [
      ['fairlead, defaults (row of 5 or ratio)', {}],
      ['fairlead, ratio only', { consecutiveFailures: 0 }],
    ] as const) {
      const clock = new ManualClock();
      const service = fairlead({ breaker, retry: false }, clock);
      let open = false;
      service.on('breaker', ({ to }) => {
        open = to === 'open';
      });
      const call = (good: boolean) => service.call(() => (good ? 1 : Promise.reject(lost())));
      await detect(
        name,
        call,
        () => open,
        (ms) => clock.advance(ms),
        pauseMs,
      );
    }
    mock.timers.enable({ apis: ['Date', 'setTimeout', 'setInterval'] });
    const opossum = new Opossum((good: boolean) => (good ? ok() : Promise.reject(lost())), {
      timeout: false,
      volumeThreshold: 20,
      errorThresholdPercentage: 50,
      rollingCountTimeout: 10_000,
    });
    await detect(
      'opossum 9',
      (good) => opossum.fire(good),
      () => opossum.opened,
      (ms) => mock.timers.tick(ms),
      pauseMs,
    );
    opossum.shutdown();
    const policy = circuitBreaker(handleAll, {
      halfOpenAfter: 1_000,
      breaker: new SamplingBreaker({ threshold: 0.5, duration: 10_000, minimumRps: 2 }),
    });
    let open = false;
    policy.onBreak(() => {
      open = true;
    });
    const call = (good: boolean) => policy.execute(() => (good ? ok() : Promise.reject(lost())));
    await detect(
      'cockatiel 3, SamplingBreaker',
      call,
      () => open,
      (ms) => mock.timers.tick(ms),
      pauseMs,
    );
    mock.timers.reset();
  }
}

const [only, name] = process.argv.slice(2);
if (only !== undefined) {
  await one(only as keyof typeof TABLES, name!);
} else {
  table('Per call that succeeds', 'succeeding');
  table('Per call that is refused, its rejection awaited and caught', 'refused');
  table('Per refusal, nothing awaited', 'refusedAtOnce');
  await detection();
}
process.exit(0);
