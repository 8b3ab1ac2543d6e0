import { isFailure, Outcome } from '../../runtime/outcome.js';

/** What a canary's judge counts of an arm's calls. */
export interface ArmTally {
  readonly calls: number;
  readonly errors: number;
  /** Of `timed`, those that took longer than `slowAboveMs`. */
  readonly slow: number;
  readonly timed: number;
}

/**
 * The calls of one arm, as far as they say something about it: cancelled ones and refusals for
 * overload do not.
 */
export class ArmCounts implements ArmTally {
  calls = 0;
  errors = 0;
  slow = 0;
  timed = 0;
  /** A call that takes longer counts as slow; NaN while nobody has said. */
  slowAboveMs: number = Number.NaN;
  /** Receives the latency of each answer while somebody needs it. */
  onLatency: ((latencyMs: number) => void) | undefined;

  ended(outcome: Outcome, latencyMs: number): void {
    if (outcome === Outcome.Cancelled || outcome === Outcome.Overloaded) return;
    this.calls++;
    if (isFailure(outcome)) {
      this.errors++;
      return;
    }
    if (Number.isNaN(latencyMs)) return;
    this.onLatency?.(latencyMs);
    if (Number.isNaN(this.slowAboveMs)) return;
    this.timed++;
    if (latencyMs > this.slowAboveMs) this.slow++;
  }
}
