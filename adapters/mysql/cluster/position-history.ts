import type { GtidPosition } from './gtid.js';
import type { Probe } from './probe.js';

interface Sample {
  readonly position: GtidPosition;
  readonly atMs: number;
}

/** How many past positions are remembered; the older, the further apart. */
const MAX_SAMPLES = 120;

/** Where a server that is written to was, look by look: shows how far behind it the others are. */
export class PositionHistory {
  /** Oldest first; only those that differ from the one before. */
  #samples: Sample[] = [];
  #latestText: string | undefined;

  add({ position, positionText, atMs }: Probe): void {
    if (this.#latestText === positionText) return;
    this.#latestText = positionText;
    this.#samples.push({ position, atMs });
    // Every second one goes. The oldest stays: by it a replica proves that it follows this server
    // at all.
    if (this.#samples.length > MAX_SAMPLES) this.#samples = this.#samples.filter((_, i) => i % 2 === 0);
  }

  /**
   * Milliseconds that a server at `position` is behind at `nowMs`: the age of the oldest position
   * that it does not have. Infinity where it does not even have the first: that one shows how old
   * the look is, and not how old the position was then. NaN where nothing can be known: the server
   * has no GTIDs.
   */
  lagOf(position: GtidPosition, nowMs: number): number {
    if (this.#samples.length === 0 || this.#latestText === '') return Number.NaN;
    const missing = this.#samples.findIndex((sample) => !position.includes(sample.position));
    if (missing === -1) return 0;
    return missing === 0 ? Number.POSITIVE_INFINITY : nowMs - this.#samples[missing]!.atMs;
  }
}
