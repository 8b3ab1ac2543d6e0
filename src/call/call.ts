import type { Lease } from '../picking/lease.js';
import type { Router } from '../picking/router.js';
import type { Guard } from '../resilience/guard.js';
import { invalidOption } from '../runtime/options.js';
import { Outcome } from '../runtime/outcome.js';
import { AttemptRace } from './attempt-race.js';
import { drive, mayBeginAtOnce, refusal, settleFailed, signalFor } from './drive.js';
import { callsForFallback, fallBack } from './fallback.js';
import type { CallHost, Run } from './host.js';
import { judgeResult } from './judged-result.js';
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
  let call: Promise<T>;
  try {
    call = begun(host, run, held);
  } catch (thrown) {
    // The copy goes out nevertheless.
    call = Promise.reject(thrown);
  }
  return mirrored(host, run, held, call);
}

/** May throw: the caller of this turns that into a rejection. */
function begun<T>(host: CallHost, run: Run<T>, plan: CallPlan): Promise<T> {
  const { guard } = host;
  if (guard === undefined || plan.signal?.aborted || plan.deadlineMs === 0) return conduct(host, run, plan, undefined);
  if (!guard.admitKey(plan.clientKey)) return refused(host, guard, plan);
  if (!mayBeginAtOnce(host, plan) || guard.crowded || guard.distributed !== undefined) {
    return conduct(host, run, plan, undefined);
  }
  const lease = host.tryAcquire(plan);
  if (lease === undefined && !guard.worthWaiting) return refused(host, guard, plan);
  return conduct(host, run, plan, lease);
}

function conduct<T>(host: CallHost, run: Run<T>, plan: CallPlan, lease: Lease | undefined): Promise<T> {
  const scope = new CallScope(host.name, host.clock, plan.signal, plan.deadlineMs);
  const promise = scope.promise<T>();
  host.plan.scopes.add(scope);
  if (scope.error !== undefined || AttemptRace.needed(host, plan)) void drive(host, run, plan, scope, { lease });
  else if (lease !== undefined) first(host, run, plan, scope, lease);
  else if (host.guard !== undefined || !mayBeginAtOnce(host, plan)) void drive(host, run, plan, scope, {});
  else {
    try {
      first(host, run, plan, scope, host.tryAcquire(plan)!);
    } catch (thrown) {
      settleFailed(host, plan, scope, thrown);
      host.plan.ended(scope);
    }
  }
  return promise;
}

/**
 * The first attempt of a call that can begin at once, for most the only one: without the state of
 * an async function, which is half of what a call allocates. What fails goes on in `drive`.
 */
function first<T>(host: CallHost, run: Run<T>, plan: CallPlan, scope: CallScope, lease: Lease): void {
  host.plan.deposit(host.clock.now());
  const failed = (thrown: unknown): void => void drive(host, run, plan, scope, { lease, failed: true, thrown });
  try {
    scope.begin(lease);
    const running = Promise.resolve(scope.race(run(lease.endpoint, signalFor(run, scope))));
    running.then((value) => {
      try {
        const judged = judgeResult(plan, value);
        if (judged !== undefined) throw judged;
        lease.done(Outcome.Success);
      } catch (thrown) {
        failed(thrown);
        return;
      }
      scope.resolve(value);
      host.plan.ended(scope);
    }, failed);
  } catch (thrown) {
    failed(thrown);
  }
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
