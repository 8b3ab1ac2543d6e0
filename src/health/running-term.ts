import type { Timer } from '../runtime/clock.js';
import type { Grounds, HealthSignal, HealthTracker } from './health.js';

/** A signal at work. */
export interface Watch {
  readonly signal: HealthSignal;
  readonly tracker: HealthTracker;
}

/** An ejection that is going on, its probing included. */
export interface Term {
  watch: Watch;
  readonly grounds: Grounds;
  readonly sinceMs: number;
  readonly untilMs: number;
  /** An operator said how long: it is not asked before its time. */
  readonly firm: boolean;
  /** When it was last asked before its time, or went out. */
  askedMs: number;
  /** It is probing because it is asked before its time. */
  early: boolean;
  /** Until the ejection ends; from then on, until a probe that does not end is given up. */
  timer: Timer | undefined;
}
