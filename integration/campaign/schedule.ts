import { type Random, seededRandom } from 'fairlead/testing';
import type { CampaignPart, Echo, Fault, FaultKind, Schedule } from './part.js';

/** The faults that the runner makes of the client processes. */
export function clientFaults(clients: number): FaultKind[] {
  return [
    { kind: 'client-kill', targets: clients, lastsMs: [50, 1_500], group: 'client', weight: 0.7 },
    { kind: 'client-pause', targets: clients, lastsMs: [100, 2_500], group: 'client', weight: 0.7 },
    { kind: 'client-busy', targets: clients, lastsMs: [200, 2_500], group: 'client', weight: 0.7 },
  ];
}

/** At most so many faults at a time; more, and nothing is left that could go wrong. */
const AT_A_TIME = 3;

/** All that a round does, from its seed. */
export function drawSchedule(part: CampaignPart, seed: number, lastsMs: number): Schedule {
  const random = seededRandom(seed);
  const plan = part.plan(random);
  const { options, clients, workers, keys } = plan;
  const faults = drawFaults(plan.faults, lastsMs, random, plan.echoes);
  return { part: part.name, seed, lastsMs, options, clients, workers, keys, faults };
}

const between = (random: Random, min: number, max: number): number =>
  min + random.below(Math.max(1, Math.round(max - min)));

export function drawFaults(
  kinds: readonly FaultKind[],
  lastsMs: number,
  random: Random,
  echoes: readonly Echo[] = [],
): Fault[] {
  const drawn = new DrawnFaults(lastsMs, random);
  // Some calm before the first and after the last: what it leaves behind is to be seen.
  for (let atMs = between(random, 300, 1_500); atMs < lastsMs - 1_500; ) {
    drawn.add(choose(kinds, random), atMs);
    // One in three comes within milliseconds of the one before, and often lies within it.
    atMs += random.below(3) === 0 ? between(random, 1, 60) : between(random, 100, 2_500);
  }
  for (const { of, by, afterMs, chance } of echoes) {
    const followers = kinds.filter(({ kind }) => by.test(kind));
    const moments = drawn.faults
      .filter(({ kind }) => of.test(kind))
      .flatMap(({ atMs, lastsMs: ms }) => [atMs, atMs + ms]);
    for (const moment of followers.length === 0 ? [] : moments) {
      const atMs = moment + between(random, ...afterMs);
      if (random.float() < chance && atMs > 0 && atMs < lastsMs - 1_500) drawn.add(choose(followers, random), atMs);
    }
  }
  return drawn.faults.sort((a, b) => a.atMs - b.atMs);
}

class DrawnFaults {
  readonly faults: Fault[] = [];
  readonly #lastsMs: number;
  readonly #random: Random;
  readonly #rests = new Map<Fault, number>();

  constructor(lastsMs: number, random: Random) {
    this.#lastsMs = lastsMs;
    this.#random = random;
  }

  /** Unless it clashes with one of its group, or too many go on. */
  add({ kind, targets, lastsMs, group, restsMs }: FaultKind, atMs: number): void {
    const target = this.#random.below(targets);
    const endMs = Math.min(atMs + between(this.#random, ...lastsMs), this.#lastsMs - 1_000);
    const fault = { kind, target, atMs, lastsMs: endMs - atMs, ...(group !== undefined && { group }) };
    const now = this.faults.filter((other) => other.atMs < endMs + 100 && other.atMs + other.lastsMs + 100 > atMs);
    const mine = this.faults.filter((other) => group !== undefined && other.group === group && other.target === target);
    const clash = mine.some(
      (other) => other.atMs < endMs + 100 && other.atMs + other.lastsMs + (this.#rests.get(other) ?? 100) > atMs,
    );
    if (clash || now.length >= AT_A_TIME) return;
    this.faults.push(fault);
    if (restsMs !== undefined) this.#rests.set(fault, between(this.#random, ...restsMs));
  }
}

/**
 * In two rounds of three only some kinds: where many faults go on, each failure has a cause, and what
 * one of them alone would show is hidden (Groce and others, "Swarm testing", 2012). `always` stay.
 * `share`: of the others, so many; drawn where it is not given.
 */
export function swarm<K extends { readonly kind: string }>(
  kinds: readonly K[],
  random: Random,
  always: RegExp = /^$/,
  share?: number,
): readonly K[] {
  if (random.below(3) === 0) return kinds;
  const part = share ?? 0.1 + 0.4 * random.float();
  const some = kinds.filter(({ kind }) => always.test(kind) || random.float() < part);
  return some.length > 1 ? some : kinds;
}

function choose(kinds: readonly FaultKind[], random: Random): FaultKind {
  const total = kinds.reduce((sum, { weight = 1 }) => sum + weight, 0);
  let left = random.float() * total;
  for (const kind of kinds) {
    left -= kind.weight ?? 1;
    if (left < 0) return kind;
  }
  return kinds.at(-1)!;
}
