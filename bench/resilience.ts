/**
 * What resilience costs per call, and how soon an outage is noticed, beside opossum and cockatiel.
 * `npm run bench:resilience`, on the built package: what compiles the sources on the fly would add to every closure.
 */
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
import { createMesh, type ResilienceOptions, type Service, staticResolver, TokenBucket } from 'fairlead';
import { ManualClock } from 'fairlead/testing';
import Opossum from 'opossum';

declare const gc: (() => void) | undefined;

const CALLS = 50_000;
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

async function measure(name: string, call: () => unknown): Promise<void> {
  let ns = Number.POSITIVE_INFINITY;
  const bytes: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    gc?.();
    const heap = process.memoryUsage().heapUsed;
    const cpu = process.cpuUsage();
    for (let i = 0; i < CALLS; i++) await call();
    const used = process.cpuUsage(cpu);
    const grown = process.memoryUsage().heapUsed - heap;
    ns = Math.min(ns, ((used.user + used.system) * 1_000) / CALLS);
    bytes.push(grown / CALLS);
  }
  console.log(`${name.padEnd(58)} ${ns.toFixed(0).padStart(7)} ns ${median(bytes).toFixed(0).padStart(6)} B`);
}

/** A collection in the middle of a round makes that round's figure too small. */
const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1]!;

const swallow = (call: Promise<unknown>): Promise<unknown> => call.catch(() => undefined);

const options = { idempotent: true, clientKey: 'tenant' };

async function overhead(): Promise<void> {
  console.log(`\nPer call that succeeds: CPU time (the least) and bytes (the median) of ${ROUNDS} rounds of ${CALLS}`);
  await measure('a bare await', ok);
  const plain = fairlead({ retry: false });
  await measure('fairlead acquire and done (picks of 10), bare await', async () => {
    const lease = plain.acquire();
    await ok();
    lease.done(0);
  });
  const byDefault = fairlead();
  await measure('fairlead call, defaults (picks of 10, retry on)', () => byDefault.call(ok));
  const guarded = fairlead({ breaker: true, breakerPerEndpoint: true });
  await measure('fairlead call, breakers of service and endpoints', () => guarded.call(ok));
  const all = fairlead({ breaker: true, limits: { maxInflight: 100 }, deadlineMs: 1_000 });
  await measure('fairlead call, breaker, limit and deadline', () => all.call(ok));
  await measure('the same, of a function that declares a signal', () => all.call(okWithSignal));
  await measure('fairlead call, options { idempotent, clientKey }', () => byDefault.call(ok, options));
  const hedged = fairlead({ hedge: { afterMs: 100 }, idempotent: true });
  await measure('fairlead call, hedging armed', () => hedged.call(ok));
  await measure('the same, of a function that declares a signal', () => hedged.call(okWithSignal));
  const opossum = new Opossum(ok, { timeout: false });
  await measure('opossum 9, breaker', () => opossum.fire());
  const timed = new Opossum(ok, { timeout: 1_000, capacity: 100 });
  await measure('opossum 9, breaker, limit and timeout', () => timed.fire());
  const breaker = circuitBreaker(handleAll, { halfOpenAfter: 1_000, breaker: new ConsecutiveBreaker(5) });
  await measure('cockatiel 3, breaker', () => breaker.execute(ok));
  const wrapped = wrap(cockatielRetry(handleAll, { maxAttempts: 2 }), breaker);
  await measure('cockatiel 3, retry and breaker', () => wrapped.execute(ok));
  const ended = wrap(breaker, timeout(1_000, TimeoutStrategy.Aggressive));
  await measure('cockatiel 3, breaker and timeout, with its signal', () => ended.execute(ok));
}

async function refusals(): Promise<void> {
  console.log('\nPer call that is refused');
  const bucket = new TokenBucket({ perSecond: 1e-6, burst: 1 });
  bucket.tryAcquire(0);
  await measure('a bare await', ok);
  await measure('fairlead TokenBucket.tryAcquire, awaited', () => bucket.tryAcquire(1));
  const limited = fairlead({ limits: { rate: { perSecond: 1e-6, burst: 1 } } });
  await limited.call(ok);
  await measure('fairlead call, rate limit, rejection caught', () => swallow(limited.call(ok)));
  const open = fairlead({ breaker: { openMs: HOUR_MS, maxOpenMs: HOUR_MS }, retry: false });
  for (let i = 0; i < 5; i++) await swallow(open.call(() => Promise.reject(lost())));
  await measure('fairlead call, open breaker, rejection caught', () => swallow(open.call(ok)));
  const opossum = new Opossum(ok, { timeout: false });
  opossum.open();
  await measure('opossum 9, open breaker, rejection caught', () => swallow(opossum.fire()));
  const breaker = circuitBreaker(handleAll, { halfOpenAfter: HOUR_MS, breaker: new ConsecutiveBreaker(1) });
  await swallow(breaker.execute(() => Promise.reject(lost())));
  await measure('cockatiel 3, open breaker, rejection caught', () => swallow(breaker.execute(ok)));
  synchronously('fairlead acquire, rate limit, error thrown and caught', () => caught(() => limited.acquire()));
  const full = fairlead({ limits: { maxInflightPerEndpoint: 1 } });
  for (let i = 0; i < 10; i++) full.acquire();
  synchronously('fairlead acquire, all 10 endpoints at their limit', () => caught(() => full.acquire()));
  const keyed = fairlead({ limits: { ratePerKey: { perSecond: 1e-6, burst: 1 } } });
  await keyed.call(ok, options);
  synchronously('fairlead call, rate of a key, not awaited', () => {
    keyed.call(ok, options).catch(ignore);
  });
  synchronously('fairlead TokenBucket.tryAcquire alone', () => bucket.tryAcquire(1));
  synchronously('fairlead call, rate limit, promise made, not awaited', () => {
    limited.call(ok).catch(ignore);
  });
}

function caught(run: () => unknown): void {
  try {
    run();
  } catch {
    // Refused.
  }
}

const ignore = (): void => undefined;

/** Without the await of the loop, which is not the callee's. */
function synchronously(name: string, call: () => unknown): void {
  let ns = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS * 3; round++) {
    const cpu = process.cpuUsage();
    for (let i = 0; i < CALLS; i++) call();
    const used = process.cpuUsage(cpu);
    ns = Math.min(ns, ((used.user + used.system) * 1_000) / CALLS);
  }
  console.log(`${name.padEnd(58)} ${ns.toFixed(0).padStart(7)} ns`);
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

await overhead();
await refusals();
await detection();
process.exit(0);
