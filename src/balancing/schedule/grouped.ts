import type { Random } from '../../runtime/random.js';
import { EdfSchedule } from './edf.js';
import type { Schedule } from './schedule.js';
import { smoothSchedule } from './smooth.js';

/**
 * Grouping pays where each weight is shared by at least this many, on average: the heap is then two
 * levels lower.
 */
const MIN_MEMBERS_PER_WEIGHT = 4;

/**
 * A schedule for many indices with few different weights, as discovery reports them: it has one
 * entry per weight, due as often as all of its members together, and they take turns. Each index
 * comes up as regularly as with its own entry, at the cost of a dozen entries instead of thousands;
 * whose cycle can mostly be laid out as a table.
 */
export class GroupedSchedule implements Schedule {
  readonly #groups: Schedule;
  readonly #members: readonly Uint32Array[];
  /** Whose turn it is in each group. */
  readonly #turns: Uint32Array;
  readonly position = 0;

  constructor(groups: Schedule, members: readonly Uint32Array[], turns: Uint32Array) {
    this.#groups = groups;
    this.#members = members;
    this.#turns = turns;
  }

  static of(byWeight: ReadonlyMap<number, readonly number[]>, random: Random): GroupedSchedule {
    const groups = [...byWeight];
    const weights = groups.map(([weight, indices]) => weight * indices.length);
    // Begun at a random place, so that clients started together do not all begin with the same
    // weight.
    const schedule = smoothSchedule(weights, random.float()) ?? new EdfSchedule(weights, random);
    const members = groups.map(([, indices]) => Uint32Array.from(indices));
    const turns = Uint32Array.from(groups, ([, indices]) => random.below(indices.length));
    return new GroupedSchedule(schedule, members, turns);
  }

  copy(): Schedule {
    return new GroupedSchedule(this.#groups.copy(), this.#members, this.#turns.slice());
  }

  next(): number {
    const group = this.#groups.next();
    const members = this.#members[group]!;
    const turn = this.#turns[group]!;
    this.#turns[group] = turn + 1 === members.length ? 0 : turn + 1;
    return members[turn]!;
  }
}

/** The schedule for weights whose whole cycle is too long to lay out. */
export function dueSchedule(weights: readonly number[], random: Random): Schedule {
  const byWeight = new Map<number, number[]>();
  for (const [index, weight] of weights.entries()) {
    const group = byWeight.get(weight);
    if (group === undefined) byWeight.set(weight, [index]);
    else group.push(index);
  }
  if (byWeight.size * MIN_MEMBERS_PER_WEIGHT > weights.length) return new EdfSchedule(weights, random);
  return GroupedSchedule.of(byWeight, random);
}
