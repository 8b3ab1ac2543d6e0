import { type Random, seededRandom } from 'fairlead/testing';
import type { CampaignPart, Fault, FaultKind, Schedule } from './part.js';

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
  const faults = drawFaults(plan.faults, lastsMs, random);
  return { part: part.name, seed, lastsMs, options, clients, workers, keys, faults };
}

export function drawFaults(kinds: readonly FaultKind[], lastsMs: number, random: Random): Fault[] {
  const faults: Fault[] = [];
  const between = (min: number, max: number): number => min + random.below(Math.max(1, Math.round(max - min)));
  // Some calm before the first and after the last: what it leaves behind is to be seen.
  for (let atMs = between(300, 1_500); atMs < lastsMs - 1_500; ) {
    const { kind, targets, lastsMs: range, group } = choose(kinds, random);
    const fault = {
      kind,
      target: random.below(targets),
      atMs,
      lastsMs: between(...range),
      ...(group !== undefined && { group }),
    };
    const endMs = Math.min(fault.atMs + fault.lastsMs, lastsMs - 1_000);
    const now = faults.filter((other) => other.atMs + other.lastsMs + 100 > atMs);
    const clash = now.some((other) => group !== undefined && other.group === group && other.target === fault.target);
    if (!clash && now.length < AT_A_TIME) faults.push({ ...fault, lastsMs: endMs - atMs });
    // One in three comes within milliseconds of the one before, and often lies within it.
    atMs += random.below(3) === 0 ? between(1, 60) : between(100, 2_500);
  }
  return faults;
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
