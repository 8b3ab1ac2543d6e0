import { createHash } from 'node:crypto';
import { createMesh, type EndpointSpec, type Mesh, Outcome, type PolicyName, type Resolver } from 'fairlead';
import { ShardedRedis } from 'fairlead/redis';
import { ManualClock } from 'fairlead/testing';
import { median } from '../runner/statistics.js';
import type { Case, Contender, Suite } from '../runner/suite.js';

const LONG = 5_000;
const HUGE = 50_000;
/** What a server of weight 1 has on a ring by default. */
const LABELS = 40;

const endpoint = (i: number, weight = 1): EndpointSpec => ({
  id: `e${100_000 + i}`,
  host: '127.0.0.1',
  port: 1,
  weight,
  registeredWeight: weight,
  priority: 0,
  zone: '',
  tags: [],
  meta: {},
});
const listOf = (length: number): EndpointSpec[] => Array.from({ length }, (_, i) => endpoint(i));

function cpuMs(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e3;
}

/** A mesh whose clock stands still, so that a turn is what one timer does. */
class World {
  readonly clock = new ManualClock();
  readonly mesh: Mesh;
  /** Of each turn of the event loop since the last change, the change first. */
  turnsMs: number[] = [];
  #report: ((list: readonly EndpointSpec[]) => void) | undefined;

  constructor(policy: PolicyName) {
    const { clock } = this;
    const { after } = clock;
    clock.after = (delayMs, fire) => after.call(clock, delayMs, () => void this.turnsMs.push(cpuMs(fire)));
    let version = 0;
    const resolver: Resolver = {
      name: 'bench',
      watch: (_, sink) => {
        this.#report = (list) => sink.snapshot(list, String(++version));
      },
    };
    this.mesh = createMesh({ resolver, clock, defaults: { policy } });
  }

  list(list: readonly EndpointSpec[]): void {
    this.turnsMs = [];
    const changeMs = cpuMs(() => this.#report!(list));
    this.clock.advance(0);
    this.turnsMs.unshift(changeMs);
  }
}

const repeated = (figure: string, once: () => number): Contender => ({
  run: (operations) => ({ [figure]: median(Array.from({ length: operations }, once)) }),
});

/** The longest turn from the list to the rotation, by policy. */
const firstBy = (policy: PolicyName) => (): Contender => {
  const list = listOf(LONG);
  return repeated('longestMs', () => {
    const world = new World(policy);
    const service = world.mesh.service('users');
    world.list(list);
    service.acquire({ key: 'a' }).done(Outcome.Success);
    if (service.rotation.length !== LONG) throw new Error('The list was not taken.');
    void world.mesh.close();
    return Math.max(...world.turnsMs);
  });
};

/** The same of a client whose shards are made, and begin to connect. */
const firstOfRedis = (): Contender => {
  const list = listOf(LONG);
  return repeated('longestMs', () => {
    const world = new World('random');
    const client = new ShardedRedis(world.mesh, { service: 'users' });
    client.on('error', () => {});
    world.list(list);
    client.disconnect();
    void world.mesh.close();
    return Math.max(...world.turnsMs);
  });
};

const hashing = (): Contender => {
  const list = listOf(LONG);
  return repeated('longestMs', () =>
    cpuMs(() => {
      for (const { id } of list) {
        for (let label = 0; label < LABELS; label++) createHash('md5').update(`${id}-${label}`).digest();
      }
    }),
  );
};

const first: Case<undefined> = {
  title: `first list of ${LONG.toLocaleString('en')}, longest turn`,
  operations: 1,
  baseline: 'hashing its labels by node:crypto',
  measure: 'longestMs',
  contenders: {
    'hashing its labels by node:crypto': hashing,
    random: firstBy('random'),
    consistent_hash: firstBy('consistent_hash'),
    maglev: firstBy('maglev'),
    'ShardedRedis, ketama': firstOfRedis,
  },
  targets: { consistent_hash: 0.12, 'ShardedRedis, ketama': 0.12 },
};

const mapMs = (list: readonly EndpointSpec[]): number =>
  cpuMs(() => {
    const map = new Map(list.map((each) => [each.id, each]));
    if (map.size !== list.length) throw new Error('Two have one id.');
  });

/**
 * The turn that takes a list of which one endpoint is another one, while all other objects are the
 * same: in times that a Map of the list takes in the same process, which has the same heap.
 */
const changing = (policy: PolicyName, change: (list: EndpointSpec[], round: number) => EndpointSpec[]) => () => {
  const world = new World(policy);
  const all = listOf(HUGE);
  const service = world.mesh.service('users');
  world.list(all);
  let round = 0;
  return repeated('maps', () => {
    world.clock.advance(60_000);
    world.list(all);
    world.clock.advance(60_000);
    const oneMs = mapMs(all);
    world.list(change(all, ++round));
    service.acquire({ key: 'a' }).done(Outcome.Success);
    return world.turnsMs[0]! / oneMs;
  });
};

const weighs = (list: EndpointSpec[], round: number): EndpointSpec[] => list.with(round * 37, endpoint(round * 37, 2));
const leaves = (list: EndpointSpec[], round: number): EndpointSpec[] => list.toSpliced(round * 37, 1);

const POLICIES: readonly PolicyName[] = ['random', 'consistent_hash', 'maglev'];
const contenders = POLICIES.flatMap((policy) => [
  [`${policy}, another weight`, changing(policy, weighs)] as const,
  [`${policy}, one left`, changing(policy, leaves)] as const,
]);

const oneOf: Case<undefined> = {
  title: `one of ${HUGE.toLocaleString('en')} changes, the turn that takes it`,
  operations: 5,
  baseline: 'a Map of the list',
  measure: 'maps',
  contenders: {
    'a Map of the list': () => {
      const list = listOf(HUGE);
      return repeated('maps', () => mapMs(list) / mapMs(list));
    },
    ...Object.fromEntries(contenders),
  },
  targets: Object.fromEntries(contenders.map(([name]) => [name, 3])),
};

export const suite: Suite = {
  about: 'how long the event loop stands still while a long list comes and changes',
  rounds: 9,
  cases: [first, oneOf],
};
