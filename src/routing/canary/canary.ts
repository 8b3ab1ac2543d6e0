import type { Timer } from '../../runtime/clock.js';
import { type EventNames, SafeEmitter } from '../../runtime/emitter.js';
import { FairleadError, toError } from '../../runtime/errors.js';
import { invalidOption } from '../../runtime/options.js';
import { LiveRouting, type Routing } from '../routing.js';
import type { ArmPart } from '../split/arm-part.js';
import { BASELINE } from '../split/options.js';
import { BaselineLatency } from './baseline-latency.js';
import { type CanarySignal, type Evidence, Judge } from './judge.js';
import { canaryNews } from './news.js';
import { type CanaryOptions, type CanarySettings, checkSteps, readCanary, type StepSettings } from './options.js';

/**
 * - `running`: in a step.
 * - `paused`: the step goes on until `resume()`; a canary that is worse is still rolled back.
 * - `passed`: its last step is over, and its share stays.
 * - `rolled_back`: its share is 0, for good.
 * - `stopped`: by `close()`, or because the arm was taken away; its share stays.
 */
export type CanaryState = 'running' | 'paused' | 'passed' | 'rolled_back' | 'stopped';

export interface CanaryStatus {
  readonly state: CanaryState;
  /** Of the steps, from 0. */
  readonly step: number;
  /** Percent of the calls. */
  readonly share: number;
  /** The clock's time when the step began, in milliseconds. */
  readonly stepSinceMs: number;
  /** Calls that the canary served in this step. */
  readonly calls: number;
  readonly errors: Evidence;
  readonly latency: Evidence;
  /** Whether the step has waited for calls for longer than `stalledAfterMs`. */
  readonly stalled: boolean;
  /** Why it was rolled back or stopped. */
  readonly reason: string | undefined;
}

export interface CanaryEvents {
  /** Another step began, or the state changed. */
  readonly changed: readonly [status: CanaryStatus];
  /** The canary is worse than the baseline, or was rolled back by hand. */
  readonly rolledBack: readonly [status: CanaryStatus];
  /** The last step is over. */
  readonly passed: readonly [status: CanaryStatus];
  /** A step waits for calls; once a step. */
  readonly stalled: readonly [status: CanaryStatus];
}

/** A version that earns its share step by step, or loses it. */
export interface Canary extends Disposable {
  readonly status: CanaryStatus;
  /** Ends in share 0 at once, for good. Calls in progress finish. */
  rollBack(reason?: string): void;
  /** To the share of the last step at once, without waiting for a verdict. */
  promote(): void;
  pause(): void;
  resume(): void;
  /** Returns a function that stops listening. */
  on<Name extends keyof CanaryEvents>(name: Name, listener: (...args: CanaryEvents[Name]) => void): () => void;
  /** Judges no longer; the share stays as it is. Idempotent. */
  close(): void;
}

/**
 * Raises the share of an arm step by step while it is no worse than the baseline at the same time,
 * and takes its share away as soon as it is: by errors, and by calls slower than the baseline's
 * p95. The test may look as often as it likes and still raises a false alarm in at most `alpha` of
 * the steps (see docs/routing.md for what it finds how soon). No calls mean waiting, neither
 * passing nor failing. In several processes each decides for itself, by its own calls.
 *
 * Throws FAIRLEAD_INVALID_OPTION, and where the routing has no such arm.
 */
export function startCanary(routing: Routing, options: CanaryOptions): Canary {
  if (!(routing instanceof LiveRouting)) throw invalidOption('routing', routing, 'what routeCalls() returned');
  return new LiveCanary(routing, readCanary(options ?? null, 'startCanary'));
}

const canaries = new WeakMap<Routing, Canary>();

/** The latest canary that was started on a routing, over or not. */
export function canaryOf(routing: Routing): Canary | undefined {
  return canaries.get(routing);
}

const EVENTS: EventNames<CanaryEvents> = { changed: true, rolledBack: true, passed: true, stalled: true };

class LiveCanary implements Canary {
  readonly #routing: LiveRouting;
  readonly #settings: CanarySettings;
  readonly #events = new SafeEmitter<CanaryEvents>(EVENTS);
  readonly #latency: BaselineLatency;
  #timer: Timer | undefined;
  #state: CanaryState = 'running';
  #reason: string | undefined;
  #at = 0;
  #sinceMs = 0;
  #stalled = false;
  #arm: ArmPart;
  #baseline: ArmPart;
  #judge: Judge;
  #callsBefore = 0;
  #spilledBefore = 0;

  constructor(routing: LiveRouting, settings: CanarySettings) {
    this.#routing = routing;
    this.#settings = settings;
    const arms = routing.split?.arms;
    const arm = settings.arm === BASELINE ? undefined : arms?.get(settings.arm);
    if (arm === undefined || arms === undefined) {
      const names = [...(arms?.keys() ?? [])].filter((each) => each !== BASELINE);
      throw invalidOption(
        'startCanary.arm',
        settings.arm,
        `an arm of the split: ${names.join(', ') || 'there is none'}`,
      );
    }
    checkSteps(routing.split?.settings.arms ?? [], settings, 'startCanary');
    if (routing.judged !== undefined) {
      const message = `Service '${routing.service.name}' has a canary that is judged already: end that one first.`;
      throw new FairleadError('FAIRLEAD_CONFLICT', message, { service: routing.service.name });
    }
    routing.judged = this;
    canaries.set(routing, this);
    this.#arm = arm;
    this.#baseline = arms.get(BASELINE)!;
    this.#latency = new BaselineLatency(routing.service.clock);
    this.#judge = new Judge(settings.judge, arm.counts, this.#baseline.counts);
    this.#begin(0);
    const news = canaryNews(settings.arm, routing.service);
    this.#events.on('changed', news.changed);
    this.#events.on('passed', news.passed);
    this.#events.on('rolledBack', news.rolledBack);
    this.#events.on('stalled', news.stalled);
    news.changed(this.status);
    this.#armTimer();
  }

  get status(): CanaryStatus {
    const { errors, latency } = this.#judge;
    return {
      state: this.#state,
      step: this.#at,
      share: this.#routing.status.arms[this.#settings.arm]?.share ?? 0,
      stepSinceMs: this.#sinceMs,
      calls: this.#arm.counts.calls - this.#callsBefore,
      errors: copyOf(errors),
      latency: copyOf(latency),
      stalled: this.#stalled,
      reason: this.#reason,
    };
  }

  rollBack(reason = 'by hand'): void {
    // An arm that was just taken away has no share to lose.
    if (this.#over || !this.#hasArm()) return;
    this.#routing.setShare(this.#settings.arm, 0);
    this.#end('rolled_back', reason);
    this.#events.emit('rolledBack', this.status);
  }

  promote(): void {
    if (this.#over || !this.#hasArm()) return;
    const last = this.#settings.steps.length - 1;
    this.#routing.setShare(this.#settings.arm, this.#settings.steps[last]!.share);
    this.#at = last;
    this.#end('passed', 'promoted by hand');
    this.#events.emit('passed', this.status);
  }

  pause(): void {
    if (this.#state !== 'running') return;
    this.#state = 'paused';
    this.#events.emit('changed', this.status);
  }

  resume(): void {
    if (this.#state !== 'paused') return;
    this.#state = 'running';
    this.#events.emit('changed', this.status);
  }

  on<Name extends keyof CanaryEvents>(name: Name, listener: (...args: CanaryEvents[Name]) => void): () => void {
    return this.#events.on(name, listener);
  }

  close(): void {
    if (!this.#over) this.#end('stopped', 'closed');
    this.#events.clear();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  get #over(): boolean {
    return this.#state !== 'running' && this.#state !== 'paused';
  }

  get #step(): StepSettings {
    return this.#settings.steps[this.#at]!;
  }

  get #nowMs(): number {
    return this.#routing.service.clock.now();
  }

  #armTimer(): void {
    this.#timer = this.#routing.service.clock.after(this.#settings.lookEveryMs, () => {
      this.#look();
      if (!this.#over) this.#armTimer();
    });
  }

  #begin(at: number): void {
    this.#routing.setShare(this.#settings.arm, this.#settings.steps[at]!.share);
    this.#at = at;
    this.#sinceMs = this.#nowMs;
    this.#stalled = false;
    this.#restart();
    this.#slowIs(this.#latency.slowAboveMs);
  }

  /** Evidence is of one step, and of one version. */
  #restart(): void {
    this.#latency.follow(this.#baseline);
    this.#callsBefore = this.#arm.counts.calls;
    this.#spilledBefore = this.#arm.spilled;
    this.#judge = new Judge(this.#settings.judge, this.#arm.counts, this.#baseline.counts);
  }

  #slowIs(slowAboveMs: number): void {
    this.#arm.counts.slowAboveMs = slowAboveMs;
    this.#baseline.counts.slowAboveMs = slowAboveMs;
  }

  #look(): void {
    try {
      if (!this.#findArms()) return;
      if (Number.isNaN(this.#arm.counts.slowAboveMs)) this.#slowIs(this.#latency.slowAboveMs);
      const signal = this.#judge.look(this.#arm.counts, this.#baseline.counts);
      if (signal !== undefined) this.rollBack(why(signal, this.#judge));
      else if (this.#isOut()) this.rollBack('all its calls failed, and none of its endpoints is well');
      else if (this.#isTooBad()) this.rollBack(`errors are above ${this.#settings.maxErrorPercent} %`);
      else if (this.#state === 'running') this.#proceed();
    } catch (thrown) {
      // A closed service, say: nothing is left to judge.
      this.#end('stopped', toError(thrown).message);
    }
  }

  /** Ends it where its arm was taken away. */
  #hasArm(): boolean {
    if (!this.#routing.closed && this.#routing.split?.arms.has(this.#settings.arm)) return true;
    this.#end('stopped', 'the arm was taken away');
    return false;
  }

  /** The arms may have become others by an update. */
  #findArms(): boolean {
    if (!this.#hasArm()) return false;
    const arms = this.#routing.split!.arms;
    const arm = arms.get(this.#settings.arm)!;
    const baseline = arms.get(BASELINE)!;
    if (arm === this.#arm && baseline === this.#baseline) return true;
    const sameVersion = arm === this.#arm;
    this.#slowIs(Number.NaN);
    this.#arm = arm;
    this.#baseline = baseline;
    if (sameVersion) {
      // Another baseline: the step goes on, and its evidence begins anew.
      this.#latency.follow(baseline);
      this.#judge = new Judge(this.#settings.judge, arm.counts, baseline.counts);
      return true;
    }
    // Another version under the same name: it begins anew.
    this.#begin(0);
    this.#events.emit('changed', this.status);
    return false;
  }

  /**
   * Ejection left it no calls to be judged by: all there were failed, more often than chance
   * explains, and the next ones went to the baseline.
   */
  #isOut(): boolean {
    const { alpha, minBad } = this.#settings.judge;
    const { canary, pValue } = this.#judge.errors;
    const spills = this.#arm.spilled > this.#spilledBefore;
    return spills && canary.bad >= minBad && canary.bad === canary.calls && pValue <= alpha;
  }

  #isTooBad(): boolean {
    const { maxErrorPercent, judge } = this.#settings;
    const { calls, bad } = this.#judge.errors.canary;
    return maxErrorPercent !== undefined && calls >= judge.minCalls && (100 * bad) / calls > maxErrorPercent;
  }

  #proceed(): void {
    const lastedMs = this.#nowMs - this.#sinceMs;
    const calls = this.#arm.counts.calls - this.#callsBefore;
    const { minMs, minCalls } = this.#step;
    if (lastedMs < minMs) return;
    if (calls < minCalls) {
      if (this.#stalled || lastedMs < this.#settings.stalledAfterMs) return;
      this.#stalled = true;
      this.#events.emit('stalled', this.status);
      return;
    }
    if (this.#at + 1 < this.#settings.steps.length) {
      this.#begin(this.#at + 1);
      this.#events.emit('changed', this.status);
      return;
    }
    this.#end('passed', undefined);
    this.#events.emit('passed', this.status);
  }

  #end(state: CanaryState, reason: string | undefined): void {
    this.#state = state;
    this.#reason = reason;
    if (this.#routing.judged === this) this.#routing.judged = undefined;
    this.#timer?.cancel();
    this.#latency.stop();
    this.#slowIs(Number.NaN);
    this.#events.emit('changed', this.status);
  }
}

function copyOf({ canary, baseline, pValue }: Evidence): Evidence {
  return { canary: { ...canary }, baseline: { ...baseline }, pValue };
}

function why(signal: CanarySignal, judge: Judge): string {
  const { canary, baseline, pValue } = judge[signal];
  const what = signal === 'errors' ? 'failed' : "were slower than the baseline's p95";
  return `${canary.bad} of ${canary.calls} calls ${what}, against ${baseline.bad} of ${baseline.calls} (p = ${pValue.toPrecision(2)})`;
}
