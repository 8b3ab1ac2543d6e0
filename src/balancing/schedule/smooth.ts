import type { Schedule } from './schedule.js';

/**
 * The table costs (endpoints × turns in a cycle) steps to lay out, whenever weights change: 2^19
 * steps take about a millisecond.
 */
const MAX_STEPS = 2 ** 19;

/** Fractional weights (slow start) are taken in hundredths, so that they have a cycle too. */
const PER_UNIT = 100;
/** Not where that would change a share by more than this: 0.001 would become 0.01. */
const MAX_ROUNDING = 0.02;

/**
 * One whole cycle of nginx's smooth weighted round robin (ngx_http_upstream_round_robin.c, commit
 * 52327e0627f4): in each turn every current weight grows by its own weight, the largest is taken
 * and falls by the total. Returns undefined where the cycle is too long to lay out, or the weights
 * are too fine for one.
 */
export function smoothSchedule(weights: readonly number[], position: number): Schedule | undefined {
  const whole = weights.every(Number.isInteger) ? weights : weights.map((weight) => Math.round(weight * PER_UNIT));
  if (whole !== weights && !weights.every((weight, i) => isClose(whole[i]!, weight * PER_UNIT))) return undefined;
  const divisor = whole.reduce(greatestCommonDivisor, 0);
  const total = whole.reduce((sum, weight) => sum + weight, 0) / divisor;
  if (total * weights.length > MAX_STEPS) return undefined;
  return new TableSchedule(layOut(whole, divisor, total), position);
}

function isClose(rounded: number, exact: number): boolean {
  return Math.abs(rounded - exact) <= exact * MAX_ROUNDING;
}

function layOut(weights: readonly number[], divisor: number, total: number): Uint32Array {
  const current = new Float64Array(weights.length);
  const cycle = new Uint32Array(total);
  for (let turn = 0; turn < total; turn++) {
    let best = 0;
    for (let i = 0; i < current.length; i++) {
      current[i] = current[i]! + weights[i]! / divisor;
      if (current[i]! > current[best]!) best = i;
    }
    current[best] = current[best]! - total;
    cycle[turn] = best;
  }
  return cycle;
}

class TableSchedule implements Schedule {
  readonly #cycle: Uint32Array;
  #turn: number;

  constructor(cycle: Uint32Array, position: number) {
    this.#cycle = cycle;
    this.#turn = Math.floor(position * cycle.length) % cycle.length;
  }

  copy(): Schedule {
    const copy = new TableSchedule(this.#cycle, 0);
    copy.#turn = this.#turn;
    return copy;
  }

  get position(): number {
    return this.#turn / this.#cycle.length;
  }

  next(): number {
    const turn = this.#turn;
    this.#turn = turn + 1 === this.#cycle.length ? 0 : turn + 1;
    return this.#cycle[turn]!;
  }
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
