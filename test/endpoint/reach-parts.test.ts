import { fakeEndpoints, ManualClock } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { LiveEndpoint } from '../../src/endpoint/live-endpoint.js';
import { Aperture, type Peer } from '../../src/endpoint/rotation/aperture.js';
import { computeRotation } from '../../src/endpoint/rotation/rotation.js';
import { SlowStart } from '../../src/endpoint/rotation/slow-start.js';
import { RotationPace } from '../../src/endpoint/rotation-pace.js';

const live = (count: number, more: Parameters<typeof fakeEndpoints>[1] = {}): LiveEndpoint[] =>
  fakeEndpoints(count, more).map((spec) => new LiveEndpoint(spec));
const idsOf = (endpoints: readonly LiveEndpoint[]): string[] => endpoints.map(({ spec }) => spec.id);

describe('an aperture at random', () => {
  const aperture = (size: number) => new Aperture({ size, peer: undefined, identity: 'a' }, 'a');

  it('has its size of endpoints, each as a whole, in the order of the members', () => {
    const members = live(20);
    const chosen = aperture(6).choose(members);
    expect(chosen).toHaveLength(6);
    expect(idsOf(chosen)).toEqual(idsOf(members.filter((each) => chosen.includes(each))));
    expect(new Set(members.map(({ arcShare }) => arcShare))).toEqual(new Set([1]));
  });

  it('takes others beside those that are out, up to twice its size', () => {
    const members = live(20);
    const ours = aperture(3);
    const first = ours.choose(members);
    first[0]!.setStanding('ejected');
    const wider = ours.choose(members);
    expect(wider).toHaveLength(4);
    for (const endpoint of first) expect(wider).toContain(endpoint);
    for (const endpoint of members) endpoint.setStanding('ejected');
    expect(ours.choose(members)).toHaveLength(6);
    for (const endpoint of members) endpoint.setStanding('in');
    expect(ours.choose(members)).toEqual(first);
  });

  it('takes one that waits for its first check for one that is well', () => {
    const members = live(20);
    const ours = aperture(3);
    const first = ours.choose(members);
    first[1]!.uncheckedBy = 1;
    expect(ours.choose(members)).toEqual(first);
  });

  it('has the heavy ones more often', () => {
    const heavy = live(10, (i) => ({ weight: i === 0 ? 1_000 : 1 }));
    const chosen = Array.from({ length: 50 }, (_, i) =>
      new Aperture({ size: 1, peer: undefined, identity: undefined }, `client ${i}`).choose(heavy),
    );
    expect(chosen.filter(([endpoint]) => endpoint === heavy[0]).length).toBeGreaterThan(45);
  });
});

describe('an aperture by peers', () => {
  const of = (size: number, peer: Peer, members: readonly LiveEndpoint[]): Map<string, number> => {
    const chosen = new Aperture({ size, peer: () => peer, identity: undefined }, '').choose(members);
    return new Map(chosen.map(({ spec, arcShare }) => [spec.id, arcShare]));
  };

  it('shares endpoints out without a rest where they go into the clients', () => {
    const clients = [0, 1, 2, 3].map((index) => of(2, { index, total: 4 }, live(8)));
    for (const client of clients) expect([...client.values()]).toEqual([1, 1]);
    expect(new Set(clients.flatMap((client) => [...client.keys()])).size).toBe(8);
  });

  it('has parts of endpoints where they do not, and each endpoint as a whole over all clients', () => {
    const sums = new Map<string, number>();
    for (const index of [0, 1, 2]) {
      const client = of(2, { index, total: 3 }, live(8));
      expect([...client.values()].reduce((sum, share) => sum + share, 0)).toBeCloseTo(8 / 3, 9);
      for (const [id, share] of client) sums.set(id, (sums.get(id) ?? 0) + share);
    }
    expect([...sums.values()].map((sum) => sum.toFixed(9))).toEqual(Array(8).fill('1.000000000'));
  });

  it('goes on by whole steps past those that are out, up to twice its size', () => {
    const members = live(12);
    const peer = { index: 1, total: 12 };
    const first = [...of(3, peer, members).keys()];
    expect(first).toHaveLength(3);
    members.find(({ spec }) => spec.id === first[0])!.setStanding('ejected');
    expect(of(3, peer, members).size).toBe(4);
    for (const endpoint of members) endpoint.setStanding('ejected');
    expect(of(3, peer, members).size).toBe(6);
  });

  it('is of all where there are no more than its size, whole again', () => {
    const members = live(8);
    const ours = new Aperture({ size: 5, peer: () => ({ index: 0, total: 7 }), identity: undefined }, '');
    ours.choose(members);
    expect(ours.choose(members.slice(0, 5))).toHaveLength(5);
    expect(members.slice(0, 5).map(({ arcShare }) => arcShare)).toEqual([1, 1, 1, 1, 1]);
  });
});

describe('slow start', () => {
  const start = () => {
    const clock = new ManualClock();
    let changed = 0;
    const options = { windowMs: 10_000, aggression: 1, minWeightRatio: 0.1 };
    const slow = new SlowStart(clock, options, () => changed++);
    const [one, two] = live(2, { weight: 10 }) as [LiveEndpoint, LiveEndpoint];
    return { clock, slow, options, one, two, changed: () => changed };
  };

  it('brings the weight up in twenty steps, and says so with each', () => {
    const { clock, slow, one, changed } = start();
    slow.begin(one);
    expect(one.weight).toBeCloseTo(1);
    clock.advance(5_000);
    expect([one.warmth, one.weight, changed()]).toEqual([0.5, 5, 10]);
    clock.advance(4_999);
    expect(one.weight).toBe(9.5);
    clock.advance(1);
    expect([one.weight, changed(), clock.pending]).toEqual([10, 20, 0]);
  });

  it('goes on for the one that came later', () => {
    const { clock, slow, one, two } = start();
    slow.begin(one);
    clock.advance(5_000);
    slow.begin(two);
    clock.advance(5_000);
    expect([one.warmth, two.warmth]).toEqual([1, 0.5]);
    expect(clock.pending).toBe(1);
    clock.advance(5_000);
    expect([two.warmth, clock.pending]).toEqual([1, 0]);
  });

  it('forgets one that left, whole again, and waits for none then', () => {
    const { clock, slow, one, two } = start();
    slow.begin(one);
    slow.begin(two);
    slow.forget(one);
    expect([one.warmth, two.warmth, clock.pending]).toEqual([1, 0.1, 1]);
    slow.forget(two);
    expect(clock.pending).toBe(0);
  });

  it('goes on by other options, and ends with all weights whole', () => {
    const { clock, slow, options, one, two } = start();
    slow.begin(one);
    slow.reconfigure({ ...options, windowMs: 2_000 });
    clock.advance(500);
    expect(one.warmth).toBe(0.5);
    slow.begin(two);
    slow.end();
    expect([one.weight, two.weight, clock.pending]).toEqual([10, 10, 0]);
  });

  it('takes no step within 50 ms of the last, however short the window', () => {
    const clock = new ManualClock();
    let changed = 0;
    const slow = new SlowStart(clock, { windowMs: 100, aggression: 1, minWeightRatio: 0.1 }, () => changed++);
    slow.begin(live(1)[0]!);
    clock.advance(49);
    expect(changed).toBe(0);
    clock.advance(1_000);
    expect([changed, clock.pending]).toEqual([1, 0]);
  });
});

describe('the pace of rotations', () => {
  const start = (size: number) => {
    const clock = new ManualClock();
    let computed = 0;
    const pace = new RotationPace(clock, {
      compute: () => {
        computed++;
        pace.computed(size);
      },
    });
    pace.computed(size);
    return { clock, pace, computed: () => computed };
  };

  it('is every request for fewer than 200 endpoints', () => {
    const { clock, pace, computed } = start(199);
    for (let i = 0; i < 5; i++) pace.request();
    expect([computed(), clock.pending]).toEqual([5, 0]);
  });

  it('is one in 10 ms for each thousand, however many ask, and at once after a pause', () => {
    const { clock, pace, computed } = start(3_000);
    for (let i = 0; i < 5; i++) pace.request();
    clock.advance(29);
    expect(computed()).toBe(0);
    clock.advance(1);
    expect([computed(), clock.pending]).toEqual([1, 0]);
    clock.advance(30);
    pace.request();
    expect(computed()).toBe(2);
  });

  it('waits no more where a rotation was computed for another reason, or all is closed', () => {
    const { clock, pace, computed } = start(200);
    pace.request();
    pace.computed(200);
    expect(clock.pending).toBe(0);
    pace.request();
    pace.close();
    clock.advance(1_000);
    expect(computed()).toBe(0);
  });
});

describe('the groups of zones', () => {
  const options = {
    panicThreshold: 0.5,
    overprovisioning: 1.4,
    zone: { local: 'a', minEndpoints: 1, routedRatio: 1, clients: { a: 3, b: 1 }, forceLocalFrom: undefined },
    probingInList: false,
  };
  const members = live(6, (i) => ({ zone: i < 2 ? 'a' : 'b', priority: 0 }));

  it('are made of the endpoints of the zone alone, the sick ones among its members', () => {
    const all = live(6, (i) => ({ zone: i < 2 ? 'a' : 'b' }));
    all[5]!.setStanding('ejected');
    const groups = computeRotation(all, undefined, options).groups.map(({ key, rotation }) => ({
      key,
      ready: idsOf(rotation.ready as LiveEndpoint[]),
      members: idsOf(rotation.members as LiveEndpoint[]),
      panic: rotation.panic,
    }));
    expect(groups).toEqual([
      { key: '0/a', ready: ['e0', 'e1'], members: ['e0', 'e1'], panic: false },
      { key: '0/b', ready: ['e2', 'e3', 'e4'], members: ['e2', 'e3', 'e4', 'e5'], panic: false },
    ]);
  });

  it('have shares that add up, by what the zone can carry of its clients', () => {
    // A third of the capacity for three quarters of the clients.
    const shares = computeRotation(members, undefined, options).groups.map(({ share }) => share);
    expect(shares[0]).toBeCloseTo(1 / 3 / (3 / 4), 9);
    expect(shares[0]! + shares[1]!).toBeCloseTo(1, 9);
  });

  it('are one where fewer are well than zones are minded for, or there is one zone', () => {
    const few = { ...options, zone: { ...options.zone, minEndpoints: 7 } };
    expect(computeRotation(members, undefined, few).groups.map(({ key }) => key)).toEqual(['0']);
    const untold = { ...options, zone: { ...options.zone, clients: undefined } };
    expect(computeRotation(members.slice(0, 2), undefined, untold).groups.map(({ key }) => key)).toEqual(['0']);
    expect(computeRotation(members.slice(2), undefined, untold).groups.map(({ key }) => key)).toEqual(['0']);
  });

  it('are the local one alone from so many local endpoints on', () => {
    const forced = (forceLocalFrom: number) =>
      computeRotation(members, undefined, { ...options, zone: { ...options.zone, forceLocalFrom } }).groups.map(
        ({ key }) => key,
      );
    expect([forced(2), forced(3)]).toEqual([['0/a'], ['0/a', '0/b']]);
  });
});
