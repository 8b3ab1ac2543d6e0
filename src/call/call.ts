import type { AcquireRequest, Lease } from '../picking/lease.js';
import type { Router } from '../picking/router.js';
import { AttemptLog, rememberAttempts } from '../resilience/attempts.js';
import type { Guard } from '../resilience/guard.js';
import { retryDelayMs } from '../resilience/retry.js';
import type { Wait } from '../resilience/waiting-line.js';
import { judgeAfter } from '../runtime/clock.js';
import { FairleadError } from '../runtime/errors.js';
import { lazySignal } from '../runtime/lazy-signal.js';
import { invalidOption } from '../runtime/options.js';
import { Outcome } from '../runtime/outcome.js';
import { AttemptRace } from './attempt-race.js';
import { fail } from './failed-attempt.js';
import { callsForFallback, fallBack } from './fallback.js';
import { type CallHost, closedError, type Run } from './host.js';
import { JudgedResult, judgeResult } from './judged-result.js';
import { mirrored } from './mirrored.js';
import type { CallOptions, CallPlan } from './options.js';
import { CallScope } from './scope.js';
import { tracedRun } from './traced-run.js';

/**
 * Acquire, run, judge; again where that is safe. A call that is refused is so at once, before
 * anything is set up.
 */
export function runCall<T>(host: CallHost, run: Run<T>, options?: CallOptions): Promise<T> {
  try {
    if (typeof run !== 'function') throw invalidOption('call', run, 'a function (endpoint, signal) => …');
    const plan = host.plan.read(options);
    const traced = tracedRun(host, run);
    return host.router === undefined ? begun(host, traced, plan) : routed(host, host.router, traced, plan);
  } catch (thrown) {
    return Promise.reject(thrown);
  }
}

/** All attempts of a call stay in the part that it was held to first. */
function routed<T>(host: CallHost, router: Router, run: Run<T>, plan: CallPlan): Promise<T> {
  const held = { ...plan, part: router.route(plan) };
  return mirrored(host, run, held, begun(host, run, held));
}

function begun<T>(host: CallHost, run: Run<T>, plan: CallPlan): Promise<T> {
  try {
    const { guard } = host;
    if (guard === undefined || plan.signal?.aborted || plan.deadlineMs === 0)
      return conduct(host, run, plan, undefined);
    if (!guard.admitKey(plan.clientKey)) return refused(host, guard, plan);
    if (!mayBeginAtOnce(host, plan) || guard.crowded || guard.distributed !== undefined) {
      return conduct(host, run, plan, undefined);
    }
    const lease = host.tryAcquire(plan);
    if (lease === undefined && !guard.worthWaiting) return refused(host, guard, plan);
    return conduct(host, run, plan, lease);
  } catch (thrown) {
    return Promise.reject(thrown);
  }
}

function conduct<T>(host: CallHost, run: Run<T>, plan: CallPlan, lease: Lease | undefined): Promise<T> {
  const scope = new CallScope(host.name, host.clock, plan.signal, plan.deadlineMs);
  const promise = scope.promise<T>();
  host.plan.scopes.add(scope);
  void drive(host, run, plan, scope, lease);
  return promise;
}

/** Settles the scope's promise. */
async function drive<T>(
  host: CallHost,
  run: Run<T>,
  plan: CallPlan,
  scope: CallScope,
  lease: Lease | undefined,
): Promise<void> {
  let log: AttemptLog | undefined;
  try {
    scope.throwIfEnded();
    const atOnce = host.guard === undefined && mayBeginAtOnce(host, plan) ? host.tryAcquire(plan) : undefined;
    let current = lease ?? atOnce ?? (await begin(host, plan, scope));
    host.plan.deposit(host.clock.now());
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
    if (callsForFallback(host, plan, thrown)) scope.resolve(fallBack(host, plan, thrown));
    // The best there was.
    else if (JudgedResult.is(thrown)) scope.resolve(thrown.value);
    else scope.reject(thrown);
  } finally {
    scope.end();
    host.plan.scopes.delete(scope);
  }
}

/** Whether there is an endpoint to pick and nothing to look up for the key first. */
function mayBeginAtOnce(host: CallHost, plan: CallPlan): boolean {
  return host.rotation.length > 0 && (plan.key === undefined || host.options.affinity === undefined);
}

/** A function that declares no signal gets one that costs nothing until it is touched. */
function signalFor<T>(run: Run<T>, scope: CallScope): AbortSignal {
  return run.length >= 2 ? scope.signal : lazySignal(scope);
}

/** Waits for the first lease. */
async function begin(host: CallHost, plan: CallPlan, scope: CallScope): Promise<Lease> {
  const { guard } = host;
  if (host.rotation.length === 0 && !host.closed) {
    if (!host.unlisted) await waitForReady(host, scope);
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

async function waitForReady(host: CallHost, scope: CallScope): Promise<void> {
  const patience = new AbortController();
  const timer = judgeAfter(host.clock, host.options.waitForReadyMs, () => patience.abort());
  scope.waitsFor = () => host.explainUnready();
  try {
    await host.ready(AbortSignal.any([scope.signal, patience.signal]));
  } catch {
    // Whatever it was, the caller says it better: closed, nothing registered, discovery failing.
  } finally {
    scope.waitsFor = undefined;
    timer.cancel();
  }
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

/**
 * Rejects a turn later, when the caller has attached its handler: Node keeps account of every
 * promise that is rejected before, which would double the cost of a refusal.
 */
function refused<T>(host: CallHost, guard: Guard, plan: CallPlan): Promise<T> {
  const error = refusal(host, guard);
  if (callsForFallback(host, plan, error)) return fallBack(host, plan, error);
  return new Promise((_, reject) => queueMicrotask(() => reject(error)));
}

function refusal(host: CallHost, guard: Guard): FairleadError {
  host.plan.stats.refused++;
  return guard.refusal();
}
