import type { Lease } from '../picking/lease.js';
import type { AttemptLog } from '../resilience/attempts.js';
import { judgeAfter, type Timer } from '../runtime/clock.js';
import { FairleadError } from '../runtime/errors.js';
import { lazySignal } from '../runtime/lazy-signal.js';
import { Outcome } from '../runtime/outcome.js';
import { fail } from './failed-attempt.js';
import type { CallHost, Run } from './host.js';
import { judgeResult } from './judged-result.js';
import type { CallPlan } from './options.js';
import { Racer } from './racer.js';
import type { CallScope } from './scope.js';

/**
 * One attempt that may time out by itself and may get company: when it is slow, another is started
 * beside it on another endpoint (hedging: Dean and Barroso, "The Tail at Scale", CACM 56(2), 2013).
 * The first answer wins, an error of the application being an answer; the others are cancelled by
 * their signals. Fails when all have failed.
 */
export class AttemptRace<T> {
  readonly #host: CallHost;
  readonly #run: Run<T>;
  readonly #plan: CallPlan;
  readonly #scope: CallScope;
  readonly #log: AttemptLog;
  /** At work now; hardly ever more than two. */
  readonly #racers: Racer[] = [];
  #started = 0;
  #hedgeTimer: Timer | undefined;
  #resolve: (value: T) => void = unset;
  #reject: (error: unknown) => void = unset;

  constructor(host: CallHost, run: Run<T>, plan: CallPlan, scope: CallScope, log: AttemptLog) {
    this.#host = host;
    this.#run = run;
    this.#plan = plan;
    this.#scope = scope;
    this.#log = log;
  }

  /** Whether a call by this plan needs a race at all. */
  static needed(host: CallHost, plan: CallPlan): boolean {
    return (
      plan.retry?.attemptTimeoutMs !== undefined ||
      (plan.hedge !== undefined && plan.idempotent) ||
      host.plan.percentile !== undefined
    );
  }

  start(first: Lease): Promise<T> {
    return this.#scope.until<T>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      const nowMs = this.#host.clock.now();
      const hedgeAfterMs = this.#host.plan.hedgeAfterMs(this.#plan, nowMs);
      if (hedgeAfterMs !== undefined) this.#armHedge(hedgeAfterMs);
      this.#launch(first, nowMs, false);
      return () => this.#scopeEnded();
    });
  }

  #launch(lease: Lease, startedMs: number, hedge: boolean): void {
    const racer = new Racer(lease, startedMs, hedge);
    this.#started++;
    this.#racers.push(racer);
    this.#showAt();
    const timeoutMs = this.#plan.retry?.attemptTimeoutMs;
    if (timeoutMs !== undefined) {
      racer.timer = judgeAfter(this.#host.clock, timeoutMs, () => this.#timedOut(racer, timeoutMs));
    }
    const signal = this.#run.length >= 2 ? racer.signal : lazySignal(racer);
    invoke(this.#run, lease, signal).then(
      (value) => this.#answered(racer, value),
      (thrown: unknown) => this.#failed(racer, thrown),
    );
  }

  #armHedge(afterMs: number): void {
    this.#hedgeTimer = this.#host.clock.awaited(afterMs, () => {
      const before = this.#started;
      this.#hedge();
      const { hedge } = this.#plan;
      if (this.#racers.length === 0 || hedge === undefined || this.#started >= hedge.maxAttempts) return;
      this.#armHedge(this.#started > before ? afterMs : Math.max(afterMs, AGAIN_MS));
    });
  }

  /**
   * Starts another beside those that are slow: on another endpoint, within the budget, or not at
   * all.
   */
  #hedge(): void {
    const { plan, clock, rotation } = this.#host;
    // The process was busy: what the first one has sent is about to be read.
    if (this.#scope.remainingMs <= 0) return;
    for (const { lease } of this.#racers) this.#log.avoid(lease.endpoint);
    if (rotation.every((endpoint) => this.#log.tried.includes(endpoint))) return;
    const nowMs = clock.now();
    if (plan.hedgeBudget === undefined || plan.hedgeBudget.balance(nowMs) < 1) {
      plan.stats.hedgesOutOfBudget++;
      return;
    }
    const lease = this.#acquireOther();
    if (lease === undefined) return;
    // Only now: what a limit refused has cost nothing.
    plan.hedgeBudget.tryWithdraw(nowMs);
    plan.stats.hedges++;
    this.#launch(lease, nowMs, true);
  }

  #acquireOther(): Lease | undefined {
    const { tried } = this.#log;
    try {
      const { key, prefer, labels, part } = this.#plan;
      const lease = this.#host.tryAcquire({ key, prefer, labels, part, tried, beside: true });
      if (lease === undefined || !tried.includes(lease.endpoint)) return lease;
      lease.done(Outcome.Cancelled);
    } catch {
      // No endpoint, or closed meanwhile: those that are at work go on.
    }
    return undefined;
  }

  #answered(racer: Racer, value: T): void {
    const judged = judgeResult(this.#plan, value);
    if (judged !== undefined) {
      this.#failed(racer, judged);
      return;
    }
    if (!this.#leave(racer)) return;
    racer.lease.done(Outcome.Success);
    this.#sample(racer);
    if (racer.hedge) this.#host.plan.stats.hedgesWon++;
    this.#cancelOthers(racer);
    this.#resolve(value);
  }

  #failed(racer: Racer, thrown: unknown): void {
    if (!this.#leave(racer)) return;
    const verdict = fail(
      this.#host,
      this.#plan,
      this.#log,
      racer.lease,
      thrown,
      racer.hedge,
      this.#scope.since(racer.startedMs),
    );
    // "Later", or "too much": one more beside the others is the last thing it needs (gRFC A6 says
    // so of pushback).
    if (verdict.retryAfterMs !== undefined || verdict.outcome === Outcome.Overloaded) this.#hedgeTimer?.cancel();
    if (verdict.repeat === 'never') this.#cancelOthers(racer);
    else if (this.#racers.length > 0) return;
    this.#hedgeTimer?.cancel();
    this.#reject(thrown);
  }

  #timedOut(racer: Racer, timeoutMs: number): void {
    const { name: service } = this.#host;
    const endpoint = racer.lease.endpoint.spec.id;
    const message = `An attempt at '${service}' on endpoint '${endpoint}' did not end within its ${timeoutMs} ms.`;
    const error = new FairleadError('FAIRLEAD_DEADLINE_EXCEEDED', message, { service, endpoint });
    this.#failed(racer, error);
    racer.abort(error);
  }

  /** The call's deadline passed or its caller gave up. */
  #scopeEnded(): void {
    this.#hedgeTimer?.cancel();
    const { error, outcome = Outcome.Cancelled } = this.#scope;
    for (const racer of [...this.#racers]) {
      this.#leave(racer);
      racer.lease.done(outcome, this.#scope.since(racer.startedMs));
      this.#log.add(racer.lease.endpoint, outcome, 'idempotent', error, racer.hedge);
      racer.abort(error);
    }
  }

  /**
   * Those that lost. One that began before the winner and was overtaken did not answer in time
   * while another did, which is what its endpoint has to hear, or slow endpoints would go on being
   * picked; of one that began after it nothing is known.
   */
  #cancelOthers(winner: Racer): void {
    this.#hedgeTimer?.cancel();
    for (const racer of [...this.#racers]) {
      this.#leave(racer);
      const overtaken = racer.startedMs < winner.startedMs && this.#isEvidence(racer, winner);
      racer.lease.done(overtaken ? Outcome.Timeout : Outcome.Cancelled, this.#scope.since(racer.startedMs));
      // A lower bound of what it would have taken. Without it the percentile would forget the tail
      // it is there for.
      if (overtaken) this.#sample(racer);
      const { name: service } = this.#host;
      racer.abort(
        new FairleadError('FAIRLEAD_CANCELLED', `An attempt at '${service}' was overtaken by another.`, { service }),
      );
    }
  }

  /**
   * Where hedging was not asked for, half a second may be no time for this service, or this process
   * may be busy: only one that was overtaken by far shows that its endpoint hangs.
   */
  #isEvidence(loser: Racer, winner: Racer): boolean {
    if (this.#plan.hedge?.implicit !== true) return true;
    const nowMs = this.#host.clock.now();
    return nowMs - loser.startedMs >= OVERTAKEN_BY_FAR * (nowMs - winner.startedMs);
  }

  #sample(racer: Racer): void {
    const { percentile } = this.#host.plan;
    if (percentile === undefined) return;
    const nowMs = this.#host.clock.now();
    percentile.record(nowMs - racer.startedMs, nowMs);
  }

  /** False where it had left before: what it says now is too late. */
  #leave(racer: Racer): boolean {
    racer.timer?.cancel();
    const at = this.#racers.indexOf(racer);
    if (at < 0) return false;
    this.#racers.splice(at, 1);
    this.#showAt();
    return true;
  }

  /** For the error of a deadline. */
  #showAt(): void {
    this.#scope.at = this.#racers.length === 1 ? this.#racers[0]!.lease.endpoint.spec.id : undefined;
  }
}

const OVERTAKEN_BY_FAR = 4;

/** A hedge that found no endpoint, or no budget, is tried again no sooner. */
const AGAIN_MS = 10;

/** What throws at once rejects. */
function invoke<T>(run: Run<T>, lease: Lease, signal: AbortSignal): Promise<T> {
  try {
    return Promise.resolve(run(lease.endpoint, signal));
  } catch (thrown) {
    return Promise.reject(thrown);
  }
}

function unset(): void {}
