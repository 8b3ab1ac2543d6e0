import type { RecordableHistogram } from 'node:perf_hooks';
import { lazyPerfHooks } from '../runtime/lazy-modules.js';

/** An hour in microseconds: what is slower counts as an hour. */
const MAX_MICROS = 3_600_000_000;

/**
 * A live percentile of response times: over the latest `windowMs` to half of that. Two of Node's
 * histograms (HDR, two figures) take turns; the older one is read until the newer is half a window
 * old. O(1) per sample, no allocation.
 */
export class LatencyPercentile {
  readonly #percentile: number;
  readonly #halfMs: number;
  readonly #minimumSamples: number;
  #current: RecordableHistogram = newHistogram();
  #previous: RecordableHistogram = newHistogram();
  #half = Number.NEGATIVE_INFINITY;
  #readAtMs = Number.NEGATIVE_INFINITY;
  #valueMs: number | undefined;

  /** `percentile`: 0 to 100. `minimumSamples`: fewer yield no value. */
  constructor(percentile: number, windowMs: number, minimumSamples: number) {
    this.#percentile = percentile;
    this.#halfMs = windowMs / 2;
    this.#minimumSamples = minimumSamples;
  }

  record(responseMs: number, nowMs: number): void {
    this.#turn(nowMs);
    this.#current.record(Math.min(Math.max(Math.round(responseMs * 1_000), 1), MAX_MICROS));
  }

  /**
   * Milliseconds; undefined while there are too few samples. Looked up at most a hundred times per
   * window.
   */
  valueMs(nowMs: number): number | undefined {
    this.#turn(nowMs);
    if (nowMs - this.#readAtMs < this.#halfMs / 50) return this.#valueMs;
    this.#readAtMs = nowMs;
    this.#valueMs = this.#read();
    return this.#valueMs;
  }

  #read(): number | undefined {
    const fuller = this.#current.count >= this.#previous.count ? this.#current : this.#previous;
    return fuller.count < this.#minimumSamples ? undefined : fuller.percentile(this.#percentile) / 1_000;
  }

  #turn(nowMs: number): void {
    const half = Math.floor(nowMs / this.#halfMs);
    if (half <= this.#half) return;
    const older = this.#previous;
    this.#previous = this.#current;
    if (half - this.#half > 1) this.#previous.reset();
    older.reset();
    this.#current = older;
    this.#half = half;
    this.#readAtMs = Number.NEGATIVE_INFINITY;
  }
}

function newHistogram(): RecordableHistogram {
  return lazyPerfHooks().createHistogram({ lowest: 1, highest: MAX_MICROS, figures: 2 });
}
