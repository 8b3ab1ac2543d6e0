import type { Clock, Timer } from '../../runtime/clock.js';
import type { LiveEndpoint } from '../live-endpoint.js';

export interface SlowStartOptions {
  /** How long until an endpoint has its whole weight; milliseconds. 100 to 86,400,000. */
  readonly windowMs: number;
  /**
   * 1 (default) grows in a straight line; above, fast at first and slowly later; below, the other
   * way. Above 0 to 100.
   */
  readonly aggression?: number;
  /** The share of its weight it has from the beginning. Default 0.1 (Envoy's); 0.001 to 1. */
  readonly minWeightRatio?: number;
}

export type SlowStartSettings = Required<SlowStartOptions>;

/**
 * The share of its weight that an endpoint has `elapsedMs` after it came: Envoy's slow start,
 * max(min, (max(elapsed, 1 s) / window)^(1 / aggression)), and 1 once the window is over.
 */
export function warmthAt(elapsedMs: number, options: SlowStartSettings): number {
  const { windowMs, aggression, minWeightRatio } = options;
  if (elapsedMs >= windowMs) return 1;
  const time = Math.min(1, Math.max(elapsedMs, 1_000) / windowMs);
  return Math.max(minWeightRatio, time ** (1 / aggression));
}

/** How many times within a window weights are brought up to date: each costs one new rotation. */
const STEPS = 20;

/** However short the window, not more often than this. */
const SHORTEST_STEP_MS = 50;

/**
 * Warms up the endpoints that came lately. While there is one, a timer brings their weights up to
 * date in steps; the pickers see them as any other change of weight.
 */
export class SlowStart {
  readonly #clock: Clock;
  #options: SlowStartSettings;
  readonly #changed: () => void;
  readonly #sinceMs = new Map<LiveEndpoint, number>();
  #timer: Timer | undefined;

  constructor(clock: Clock, options: SlowStartSettings, changed: () => void) {
    this.#clock = clock;
    this.#options = options;
    this.#changed = changed;
  }

  begin(endpoint: LiveEndpoint): void {
    this.#sinceMs.set(endpoint, this.#clock.now());
    endpoint.warmth = warmthAt(0, this.#options);
    endpoint.updateWeight();
    this.#arm();
  }

  forget(endpoint: LiveEndpoint): void {
    if (this.#sinceMs.delete(endpoint)) endpoint.warmth = 1;
    if (this.#sinceMs.size === 0) this.close();
  }

  /** Those that are warming up go on by these. */
  reconfigure(options: SlowStartSettings): void {
    this.#options = options;
  }

  /** Everything has its whole weight. */
  end(): void {
    this.close();
    for (const endpoint of this.#sinceMs.keys()) {
      endpoint.warmth = 1;
      endpoint.updateWeight();
    }
    this.#sinceMs.clear();
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(): void {
    const stepMs = Math.max(SHORTEST_STEP_MS, this.#options.windowMs / STEPS);
    this.#timer ??= this.#clock.after(stepMs, () => this.#step());
  }

  #step(): void {
    this.#timer = undefined;
    const nowMs = this.#clock.now();
    for (const [endpoint, sinceMs] of this.#sinceMs) {
      endpoint.warmth = warmthAt(nowMs - sinceMs, this.#options);
      endpoint.updateWeight();
      if (endpoint.warmth === 1) this.#sinceMs.delete(endpoint);
    }
    if (this.#sinceMs.size > 0) this.#arm();
    this.#changed();
  }
}
