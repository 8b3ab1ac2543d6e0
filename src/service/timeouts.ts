import type { LiveEndpoint } from '../endpoint/live-endpoint.js';
import { TimeoutEvidence } from '../health/timeout-evidence.js';
import { Outcome } from '../runtime/outcome.js';
import { toTick } from '../runtime/ticks.js';

/** Timers do not fire sooner; milliseconds. */
const SHORTEST_WAIT_MS = 1;

interface TimeoutsHost {
  readonly views: {
    /** Answers must be timed from now on. */
    measure(): void;
  };
}

/**
 * Decides whether a timeout speaks against its endpoint: too soon it says nothing. How soon that
 * is, is learnt from the answers of the service.
 */
export class Timeouts {
  readonly #host: TimeoutsHost;
  /** Made by the first answer that is timed, or the first timeout. */
  #evidence: TimeoutEvidence | undefined;

  constructor(host: TimeoutsHost) {
    this.#host = host;
  }

  /** An answer that was timed. Hot path. */
  answered(endpoint: LiveEndpoint, startTick: number, tick: number): void {
    this.#evidence ??= new TimeoutEvidence(tick);
    this.#evidence.answered(endpoint, startTick, tick);
  }

  /**
   * `hadMs` is less than 1 where a deadline of 1 ms began before the attempt. Where it is not said,
   * the latency stands for it (NaN: not measured), unless it is too short for a wait: such a lease
   * was acquired to report an end that was.
   */
  judge(endpoint: LiveEndpoint, hadMs: number | undefined, latencyMs: number, nowMs: number): Outcome {
    this.#host.views.measure();
    const tick = toTick(nowMs);
    this.#evidence ??= new TimeoutEvidence(tick);
    const known = hadMs ?? (latencyMs >= SHORTEST_WAIT_MS ? latencyMs : Number.NaN);
    return this.#evidence.counts(endpoint, known, tick) ? Outcome.Timeout : Outcome.Cancelled;
  }
}
