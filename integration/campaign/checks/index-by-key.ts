import type { Operation } from '../history.js';

/** Operations of these names by their key, in the order of their invocation. */
export function byKey(operations: readonly Operation[], names: readonly string[]): Map<string, Operation[]> {
  const groups = new Map<string, Operation[]>();
  for (const operation of operations) {
    if (!names.includes(operation.name)) continue;
    const group = groups.get(operation.key);
    if (group) group.push(operation);
    else groups.set(operation.key, [operation]);
  }
  return groups;
}

/** When it had certainly happened: Infinity for what may never have. */
export const doneMs = ({ outcome, endedMs }: Operation): number =>
  outcome === 'ok' ? endedMs : Number.POSITIVE_INFINITY;

/**
 * Sums of weights up to a time: `before(t)` of all whose time is below it. Built once, asked by
 * binary search.
 */
export class SumsByTime {
  readonly #times: number[];
  readonly #sums: number[];

  constructor(entries: readonly (readonly [timeMs: number, weight: number])[]) {
    const sorted = [...entries].sort((a, b) => a[0] - b[0]);
    this.#times = sorted.map(([time]) => time);
    let sum = 0;
    this.#sums = sorted.map(([, weight]) => (sum += weight));
  }

  before(timeMs: number): number {
    let [low, high] = [0, this.#times.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#times[middle]! < timeMs) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? 0 : this.#sums[low - 1]!;
  }
}
