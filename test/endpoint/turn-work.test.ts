import { createMesh, type EndpointInput, type PolicyName, type ProbeSource } from 'fairlead';
import { ManualClock } from 'fairlead/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Placements } from '../../adapters/redis/shards/placements.js';
import { testMesh } from '../support/mesh.js';
import { type WorkMeter, workMeter } from '../support/work.js';

/**
 * How long the event loop stands still while a list changes, in work done and not in milliseconds,
 * which depend on what else the machine does. 15 million units took a millisecond where a ring of
 * 5,000 was timed (2,000 million in 70 to 130 ms, compiled).
 */
const MS = 15_000_000;
/** No turn may take longer. */
const LONGEST_MS = 20;
/** All but `maglev`, whose table is filled at once, take 2 to 4. */
const PLAIN_MS = 6;

const COUNT = 5_000;
/** Slow where nothing is optimised, and no figure of it is time. */
const SLOW_MS = 240_000;
const endpoint = (i: number, weight = 1 + (i % 7)): EndpointInput => ({
  id: `e${100_000 + i}`,
  host: '127.0.0.1',
  port: 1 + i,
  weight,
});
const list = (from: number): EndpointInput[] => Array.from({ length: COUNT }, (_, i) => endpoint(from + i));
const silent: ProbeSource = { probe: (_endpoint, reply) => reply(1, 10) };
const { names } = createMesh().policies;

let meter: WorkMeter;
beforeEach(() => {
  meter = workMeter();
});
afterEach(() => meter[Symbol.dispose]());

/** What each turn of the loop takes until nothing is left to do, as milliseconds: the change first. */
function turnsBy(clock: ManualClock): (change: () => void) => readonly number[] {
  const turns: number[] = [];
  const { after } = clock;
  const taken = (): void => void turns.push(meter.taken() / MS);
  clock.after = (delayMs, fire) =>
    after.call(clock, delayMs, () => {
      meter.taken();
      fire();
      taken();
    });
  return (change) => {
    turns.length = 0;
    meter.taken();
    change();
    taken();
    clock.advance(0);
    return [...turns];
  };
}

describe.each(names as PolicyName[])('with %s', (policy) => {
  it(
    `no turn takes long while a list of ${COUNT} comes and changes`,
    () => {
      const { mesh, clock, resolver } = testMesh({ users: list(0) });
      const turnsOf = turnsBy(clock);
      const longestMs = (change: () => void): number => Math.max(...turnsOf(change));
      const before = list(0);
      const half = list(COUNT / 2);
      const longest = {
        first: longestMs(() => void mesh.service('users', { policy, probes: silent })),
        weight: longestMs(() => resolver.update('users', before.with(2_500, endpoint(2_500, 9)))),
        left: longestMs(() => resolver.update('users', before.toSpliced(2_500, 1))),
        half: longestMs(() => resolver.update('users', half)),
      };
      expect(mesh.service('users').rotation).toHaveLength(COUNT);
      const limit = policy === 'maglev' ? LONGEST_MS : PLAIN_MS;
      expect(longest.first).toBeGreaterThan(0.1);
      for (const [change, ms] of Object.entries(longest)) expect(ms, change).toBeLessThan(limit);
    },
    SLOW_MS,
  );
});

/** Redis' keys: of 500 shards in one turn, of thousands in many. */
describe.each(['ketama', 'maglev', 'rendezvous'] as const)('%s of Redis', (placement) => {
  it.each([500, COUNT])(
    'places %i shards, and then one less, in turns that are not long',
    (count) => {
      const shards = Array.from({ length: count }, (_, i) => ({ name: `s${100_000 + i}`, weight: 1 }));
      const clock = new ManualClock();
      const turnsOf = turnsBy(clock);
      const placements = new Placements({ placement, compatibility: 'none' }, clock);
      for (const wanted of [shards, shards.toSpliced(count / 2, 1)]) {
        let placed = false;
        const turns = turnsOf(() =>
          placements.prepare(wanted, () => {
            placements.of(wanted);
            placed = true;
          }),
        );
        expect(placed).toBe(true);
        expect(Math.max(...turns)).toBeGreaterThan(0);
        expect(Math.max(...turns)).toBeLessThan(count === COUNT && placement === 'ketama' ? PLAIN_MS : LONGEST_MS);
      }
    },
    SLOW_MS,
  );
});

describe("maglev's largest table", () => {
  it(
    'is filled in turns that are not long',
    () => {
      const { mesh, clock } = testMesh({ users: list(0) });
      const turnsOf = turnsBy(clock);
      const turns = turnsOf(() => void mesh.service('users', { policy: { maglev: { tableSize: 655_373 } } }));
      expect(mesh.service('users').rotation).toHaveLength(COUNT);
      expect(turns.length).toBeGreaterThan(5);
      for (const turn of turns) expect(turn).toBeLessThan(LONGEST_MS);
    },
    SLOW_MS,
  );
});
