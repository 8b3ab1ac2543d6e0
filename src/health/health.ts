import type { Endpoint } from '../endpoint/endpoint.js';
import type { Clock } from '../runtime/clock.js';
import type { Outcome } from '../runtime/outcome.js';
import type { Random } from '../runtime/random.js';

/**
 * Contract: a health signal judges outcomes and says for how long an endpoint should be out. Whether it really goes is
 * decided by the core, which caps the share of ejected endpoints. Several signals may watch one service; the longest
 * ejection wins.
 */
export interface HealthSignal {
  /** The name in events and metrics, snake_case. */
  readonly name: string;
  /** Called once per service. */
  create(context: HealthContext): HealthTracker;
}

export interface HealthContext {
  readonly clock: Clock;
  readonly random: Random;
  /** The members of the service as of now, draining ones excluded. */
  members(): readonly Endpoint[];
  /**
   * For signals that judge on an interval: asks for an ejection outside `record`. Subject to the same cap, and to
   * `HealthTracker.confirmed` like one asked for by `record`.
   */
  eject(endpoint: Endpoint, forMs: number): void;
}

export interface HealthTracker {
  /**
   * Called once per finished call, on the hot path: O(1), no allocation but on a verdict. `latencyMs` is NaN where
   * latency is not measured. Gives the milliseconds to eject the endpoint for, 0 to keep it.
   */
  record(endpoint: Endpoint, outcome: Outcome, latencyMs: number): number;
  /**
   * The call that decides about a returning endpoint ended. Called instead of `record`. Gives the milliseconds of the
   * next ejection, 0 to let it return. Outcomes that say nothing (cancelled) are not reported.
   */
  probed(endpoint: Endpoint, ok: boolean): number;
  /** The cap allowed the ejection that this tracker asked for: it counts. A refused one must not. */
  confirmed(endpoint: Endpoint): void;
  /** The endpoint is gone for good. */
  forget(endpoint: Endpoint): void;
  /** Stops timers. */
  close?(): void;
}
