import type { AcquireRequest, Lease } from '../picking/lease.js';
import { AttemptLog, rememberAttempts } from '../resilience/attempts.js';
import type { Guard } from '../resilience/guard.js';
import { retryDelayMs } from '../resilience/retry.js';
import type { Wait } from '../resilience/waiting-line.js';
import { FairleadError } from '../runtime/errors.js';
import { lazySignal } from '../runtime/lazy-signal.js';
import { Outcome } from '../runtime/outcome.js';
import { AttemptRace } from './attempt-race.js';
import { fail } from './failed-attempt.js';
import { callsForFallback, fallBack } from './fallback.js';
import { firstEndpoint } from './first-endpoint.js';
import { type CallHost, closedError, type Run } from './host.js';
import { JudgedResult, judgeResult } from './judged-result.js';
import type { CallPlan } from './options.js';
import type { CallScope } from './scope.js';

/** What a call has when it is driven on. */
interface Begun {
  /** One that was got for its first attempt. */
  readonly lease?: Lease | undefined;
  /** That attempt was made, and threw this. */
  readonly failed?: boolean;
  readonly thrown?: unknown;
}

/** Makes the attempts of a call that are left to be made, and settles its promise. */
export async function drive<T>(
  host: CallHost,
  run: Run<T>,
  plan: CallPlan,
  scope: CallScope,
  { lease, failed, thrown: first }: Begun,
): Promise<void> {
  let log: AttemptLog | undefined;
  try {
    let current: Lease;
    if (failed && lease !== undefined) {
      log = new AttemptLog();
      endFailed(host, plan, scope, log, lease, first);
      current = await next(host, plan, scope, log, first);
    } else {
      scope.throwIfEnded();
      const atOnce = lease === undefined && host.guard === undefined && mayBeginAtOnce(host, plan);
      current = lease ?? (atOnce ? host.tryAcquire(plan) : undefined) ?? (await begin(host, plan, scope));
      host.plan.deposit(host.clock.now());
    }
    const raced = AttemptRace.needed(host, plan);
    for (;;) {
      if (scope.error !== undefined) {
        // It ended in the turn in which the lease was got: nothing is begun any more.
        current.done(Outcome.Cancelled);
        throw log === undefined ? scope.error : surface(host, log, scope.error);
      }
      try {
        if (raced) {
          log ??= new AttemptLog();
          scope.resolve(await new AttemptRace(host, run, plan, scope, log).start(current));
          return;
        }
        scope.begin(current);
        const result = await scope.race(run(current.endpoint, signalFor(run, scope)));
        const judged = judgeResult(plan, result);
        if (judged !== undefined) throw judged;
        current.done(Outcome.Success);
        scope.resolve(result);
        return;
      } catch (thrown) {
        log ??= new AttemptLog();
        if (!raced) endFailed(host, plan, scope, log, current, thrown);
        current = await next(host, plan, scope, log, thrown);
      }
    }
  } catch (thrown) {
    settleFailed(host, plan, scope, thrown);
  } finally {
    host.plan.ended(scope);
  }
}

/** The call failed, as far as it goes: a fallback may stand in, or the best that there was. */
export function settleFailed(host: CallHost, plan: CallPlan, scope: CallScope, thrown: unknown): void {
  if (callsForFallback(host, plan, thrown)) scope.resolve(fallBack(host, plan, thrown));
  else if (JudgedResult.is(thrown)) scope.resolve(thrown.value);
  else scope.reject(thrown);
}

/** Whether there is an endpoint to pick and nothing to look up for the key first. */
export function mayBeginAtOnce(host: CallHost, plan: CallPlan): boolean {
  return host.rotation.length > 0 && (plan.key === undefined || host.options.affinity === undefined);
}

/** A function that declares no signal gets one that costs nothing until it is touched. */
export function signalFor<T>(run: Run<T>, scope: CallScope): AbortSignal {
  return run.length >= 2 ? scope.signal : lazySignal(scope);
}

/** Waits for the first lease. */
async function begin(host: CallHost, plan: CallPlan, scope: CallScope): Promise<Lease> {
  const { guard } = host;
  if (host.rotation.length === 0 && !host.closed) {
    if (!host.unlisted) {
      scope.waitsFor = () => host.explainUnready();
      await firstEndpoint(host, scope.signal);
      scope.waitsFor = undefined;
    }
    scope.throwIfEnded();
    if (host.rotation.length === 0 && !host.closed) throw host.explainUnready();
  }
  const preparing = plan.key === undefined ? undefined : host.prepare(plan.key, plan.part);
  if (preparing !== undefined) await scope.race(preparing);
  if (guard?.distributed !== undefined) {
    const waitMs = await scope.race(guard.admitDistributed(guard.distributed, plan));
    if (waitMs > 0) {
      host.plan.stats.refused++;
      throw guard.refusalByRate(waitMs);
    }
  }
  return acquire(host, plan, scope);
}

/** Takes its turn where the service's limits let calls wait. */
async function acquire(host: CallHost, request: AcquireRequest, scope: CallScope): Promise<Lease> {
  const { guard } = host;
  if (host.closed) throw closedError(host.name);
  if (guard === undefined) return host.tryAcquire(request) as Lease;
  let wait = guard.crowded ? BEHIND_OTHERS : undefined;
  if (wait === undefined) {
    const lease = host.tryAcquire(request);
    if (lease !== undefined) return lease;
    if (!guard.worthWaiting) throw refusal(host, guard);
    wait = guard.wait;
  }
  if (!guard.mayLineUp) throw refusal(host, guard);
  return lineUp(host, guard, request, scope, wait);
}

const BEHIND_OTHERS: Wait = { at: undefined, againAtMs: Number.POSITIVE_INFINITY };

/** A lease once it is its turn. */
function lineUp(host: CallHost, guard: Guard, request: AcquireRequest, scope: CallScope, wait: Wait): Promise<Lease> {
  // What a repeat waits for in the end is what failed before.
  scope.waitsFor ??= () => guard.refusalInLine();
  return scope.until<Lease>((resolve, reject) => {
    const proceed = (): Wait | undefined => {
      try {
        if (host.closed) throw closedError(host.name);
        const lease = host.tryAcquire(request);
        if (lease !== undefined) {
          scope.waitsFor = undefined;
          resolve(lease);
        } else if (guard.worthWaiting) return guard.wait;
        else reject(refusal(host, guard));
      } catch (thrown) {
        reject(thrown);
      }
      return undefined;
    };
    return guard.line.join({ proceed }, wait);
  });
}

/** The one attempt that was made without a race failed. */
function endFailed(
  host: CallHost,
  plan: CallPlan,
  scope: CallScope,
  log: AttemptLog,
  lease: Lease,
  thrown: unknown,
): void {
  if (scope.error === undefined || scope.outcome === undefined) {
    fail(host, plan, log, lease, thrown, false, scope.attemptMs);
    return;
  }
  lease.done(scope.outcome, scope.attemptMs);
  log.add(lease.endpoint, scope.outcome, 'idempotent', scope.error, false);
}

/** After a failed attempt: the lease of the next one, or what the call rejects with. */
async function next(
  host: CallHost,
  plan: CallPlan,
  scope: CallScope,
  log: AttemptLog,
  thrown: unknown,
): Promise<Lease> {
  if (scope.error !== undefined) throw surface(host, log, scope.error);
  scope.at = undefined;
  const delayMs = nextDelayMs(host, plan, scope, log);
  if (delayMs < 0) throw surface(host, log, thrown);
  scope.waitsFor = () => thrown;
  try {
    if (delayMs > 0) await scope.sleep(delayMs, host.stopping);
    const { key, prefer, labels, part } = plan;
    const lease = await acquire(host, { key, prefer, labels, part, tried: log.tried }, scope);
    host.plan.stats.retries++;
    scope.waitsFor = undefined;
    return lease;
  } catch {
    // The original error matters more than the failed retry.
    throw surface(host, log, scope.error ?? thrown);
  }
}

/** Milliseconds until the next attempt; -1 for none. */
function nextDelayMs(host: CallHost, plan: CallPlan, scope: CallScope, log: AttemptLog): number {
  const { retry, idempotent } = plan;
  if (retry === undefined || log.verdict === undefined) return -1;
  const { repeat, retryAfterMs } = log.verdict;
  const attempts = log.attempts.length;
  const elsewhere = host.rotation.some((endpoint) => !log.tried.includes(endpoint));
  const delayMs = retryDelayMs(retry, { repeat, idempotent, retryAfterMs, attempts, elsewhere }, host.random);
  // Not worth waiting for what the deadline will not let begin.
  if (delayMs < 0 || delayMs >= scope.remainingMs) return -1;
  if (host.plan.retryBudget.tryWithdraw(host.clock.now())) return delayMs;
  host.plan.stats.retriesOutOfBudget++;
  return -1;
}

/**
 * What the call rejects with: what was thrown, as it is, so that errors of drivers stay what they
 * are; unless it would mislead. An error that says "never sent" or "exists already" after an
 * attempt whose end is not known is not an answer.
 */
function surface(host: CallHost, log: AttemptLog, thrown: unknown): unknown {
  if (JudgedResult.is(thrown)) return thrown;
  const { name: service } = host;
  const last = log.attempts.at(-1);
  let error = thrown;
  if (last?.mayHaveTakenEffect === false && log.earlierIsUncertain) {
    const message =
      `A call to '${service}' failed after ${log.attempts.length} attempts, and one before the last may have taken ` +
      'effect: look at attemptsOf(error), and at its cause for the last failure.';
    error = new FairleadError('FAIRLEAD_UNCERTAIN', message, { service, endpoint: last.endpoint, cause: thrown });
  }
  rememberAttempts(error, log.attempts);
  return error;
}

export function refusal(host: CallHost, guard: Guard): FairleadError {
  host.plan.stats.refused++;
  return guard.refusal();
}
