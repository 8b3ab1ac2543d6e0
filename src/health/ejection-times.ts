import type { Endpoint } from '../endpoint/endpoint.js';
import type { Clock } from '../runtime/clock.js';
import { number, type Schema } from '../runtime/options.js';
import type { Random } from '../runtime/random.js';

/** How long ejections last: the same options for every signal. */
export interface EjectionTimes {
  /**
   * The first ejection lasts this long, the n-th n times as long; milliseconds. Default 30,000
   * (Envoy's base).
   */
  readonly baseEjectionMs: number;
  /** No ejection lasts longer, jitter aside; milliseconds. Default 300,000 (Envoy's maximum). */
  readonly maxEjectionMs: number;
  /**
   * Up to this share is added to each ejection at random, so that the clients of a restarted server
   * do not return to it in the same instant. Default 0.1; 0 to 1.
   */
  readonly jitterRatio: number;
}

const DAY_MS = 86_400_000;

export const ejectionTimes: Schema<EjectionTimes> = {
  baseEjectionMs: number(30_000, 1, DAY_MS),
  maxEjectionMs: number(300_000, 1, DAY_MS),
  jitterRatio: number(0.1, 0, 1),
};

interface Past {
  ejections: number;
  /** Since when it has been back in service. */
  sinceMs: number;
}

/**
 * The ejections that endpoints have behind them. They add up: the n-th lasts n times the base, and
 * every base period in service takes one back, as in Envoy's outlier detection, where a healthy
 * interval does.
 */
export class EjectionHistory {
  readonly #clock: Clock;
  readonly #random: Random;
  /** Endpoints that were never ejected have no entry; where none was, there is no map. */
  #pasts: Map<Endpoint, Past> | undefined;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  nextMs(endpoint: Endpoint, times: EjectionTimes): number {
    const { baseEjectionMs, maxEjectionMs, jitterRatio } = times;
    const ejections = this.#counted(endpoint, baseEjectionMs) + 1;
    const jitter = 1 + this.#random.float() * jitterRatio;
    return Math.min(baseEjectionMs * ejections, maxEjectionMs) * jitter;
  }

  /** An ejection begins that was computed with these times. */
  begin(endpoint: Endpoint, forMs: number, baseEjectionMs: number): void {
    const ejections = this.#counted(endpoint, baseEjectionMs) + 1;
    this.#pasts ??= new Map();
    this.#pasts.set(endpoint, { ejections, sinceMs: this.#clock.now() + forMs });
  }

  /** It is back in service as of now. */
  end(endpoint: Endpoint): void {
    const past = this.#pasts?.get(endpoint);
    if (past !== undefined) past.sinceMs = this.#clock.now();
  }

  forget(endpoint: Endpoint): void {
    this.#pasts?.delete(endpoint);
  }

  #counted(endpoint: Endpoint, baseEjectionMs: number): number {
    const past = this.#pasts?.get(endpoint);
    if (past === undefined) return 0;
    const servedMs = Math.max(0, this.#clock.now() - past.sinceMs);
    return Math.max(0, past.ejections - Math.floor(servedMs / baseEjectionMs));
  }
}
