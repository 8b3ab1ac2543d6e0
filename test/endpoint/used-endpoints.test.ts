import { ManualClock, seededRandom } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import type { EndpointSpec } from '../../src/endpoint/endpoint.js';
import { LiveEndpoint } from '../../src/endpoint/live-endpoint.js';
import { type ReachOptions, UsedEndpoints } from '../../src/endpoint/used-endpoints.js';

function endpoint(id: string, more: Partial<EndpointSpec> = {}): LiveEndpoint {
  const spec = { id, host: 'a', port: 1, weight: 1, priority: 0, zone: '', tags: [], meta: {}, ...more };
  return new LiveEndpoint(spec);
}

const many = (count: number, more: Partial<EndpointSpec> = {}, from = 0) =>
  Array.from({ length: count }, (_, i) => endpoint(`e${from + i}`, more));

const apertureOf = (size: number, identity: string | undefined = 'me') => ({ size, peer: undefined, identity });
const SLOW = { windowMs: 10_000, aggression: 1, minWeightRatio: 0.1 };

function world(options: Partial<ReachOptions> = {}, seed = 1) {
  const clock = new ManualClock();
  const all = { aperture: undefined, slowStart: undefined, zone: undefined, ...options };
  let changes = 0;
  const used = new UsedEndpoints(clock, seededRandom(seed), all, { changed: () => void changes++ });
  return { clock, used, changes: () => changes };
}

const idsOf = (used: UsedEndpoints) => used.members.map(({ spec }) => spec.id);

describe('the endpoints that a client uses', () => {
  it('are all where there is no aperture, in the list that it was given', () => {
    const { used } = world();
    const all = many(5);
    used.update(all);
    expect(used.members).toBe(all);
  });

  it('are as many as its aperture is wide, in the order of the list, and the same list while nothing changed', () => {
    const { used } = world({ aperture: apertureOf(3) });
    const all = many(10);
    used.update(all);
    const before = used.members;
    expect(idsOf(used)).toHaveLength(3);
    expect(idsOf(used)).toEqual(all.map(({ spec }) => spec.id).filter((id) => idsOf(used).includes(id)));
    used.update(all);
    expect(used.members).toBe(before);
    const gone = all.indexOf(before[0]!);
    used.update(all.filter((_, i) => i !== gone));
    expect(used.members).not.toContain(before[0]);
    expect(used.members).toEqual(expect.arrayContaining(before.slice(1)));
  });

  it('are so many of each priority', () => {
    const { used } = world({ aperture: apertureOf(2) });
    const lists = [many(6), many(6, { priority: 1 }, 6)];
    used.update(lists.flat());
    for (const list of lists) expect(list.filter((each) => used.members.includes(each))).toHaveLength(2);
    // A priority that is gone leaves nothing behind.
    used.update(lists[1]!);
    expect(used.members.every(({ spec }) => spec.priority === 1)).toBe(true);
    expect(used.members).toHaveLength(2);
  });

  it('are so many of each zone where calls go by zone, and of all zones together where they do not', () => {
    const lists = [many(6, { zone: 'a' }), many(6, { zone: 'b' }, 6)];
    const byZone = world({ aperture: apertureOf(2), zone: {} as ReachOptions['zone'] }).used;
    byZone.update(lists.flat());
    for (const list of lists) expect(list.filter((each) => byZone.members.includes(each))).toHaveLength(2);
    const anywhere = world({ aperture: apertureOf(2) }).used;
    anywhere.update(lists.flat());
    expect(anywhere.members).toHaveLength(2);
  });

  it('are divided anew where a spec changed, though the list is the same', () => {
    const { used } = world({ aperture: apertureOf(2) });
    const all = many(6);
    used.update(all);
    for (const each of all.slice(3)) each.respecify({ ...each.spec, priority: 1 });
    used.update(all);
    expect(used.members).toHaveLength(2);
    used.update(all, true);
    expect(used.members).toHaveLength(4);
  });

  it('are those of the identity, which is another in each process where none is given', () => {
    const all = many(40);
    const chosen = (identity: string | undefined, seed: number) => {
      const { used } = world({ aperture: { size: 4, peer: undefined, identity } }, seed);
      used.update(all);
      return idsOf(used).join();
    };
    expect(chosen('me', 1)).toBe(chosen('me', 2));
    expect(chosen('me', 1)).not.toBe(chosen('you', 1));
    expect(chosen(undefined, 1)).not.toBe(chosen(undefined, 2));
    expect(chosen(undefined, 1)).toBe(chosen(undefined, 1));
  });

  it('are others with another aperture, and all with their whole weight without one', () => {
    const { used } = world({ aperture: { size: 3, peer: () => ({ index: 0, total: 3 }), identity: undefined } });
    const all = many(10);
    used.update(all);
    expect(all.some(({ arcShare }) => arcShare < 1)).toBe(true);
    used.reconfigure({ aperture: undefined, slowStart: undefined, zone: undefined });
    expect(all.map(({ arcShare, weight }) => [arcShare, weight])).toEqual(Array(10).fill([1, 1]));
    used.update(all);
    expect(used.members).toBe(all);
    used.reconfigure({ aperture: apertureOf(5), slowStart: undefined, zone: undefined });
    used.update(all);
    expect(used.members).toHaveLength(5);
    const before = used.members;
    used.reconfigure({ aperture: apertureOf(5), slowStart: undefined, zone: undefined });
    used.update(all);
    expect(used.members).toBe(before);
    used.reconfigure({ aperture: apertureOf(6), slowStart: undefined, zone: undefined });
    used.update(all);
    expect(used.members).toHaveLength(6);
  });
});

describe('an endpoint that came', () => {
  it('has a part of its weight at first, which grows while others are told', () => {
    const { clock, used, changes } = world({ slowStart: SLOW });
    const each = endpoint('e0');
    used.warmUp(each);
    expect(each.weight).toBeCloseTo(0.1, 6);
    clock.advance(5_000);
    expect(each.weight).toBeCloseTo(0.5, 6);
    expect(changes()).toBeGreaterThan(0);
    clock.advance(6_000);
    expect([each.weight, clock.pending]).toEqual([1, 0]);
  });

  it('has its whole weight at once without slow start, where that ends, and when it left', () => {
    const none = world();
    const each = endpoint('e0');
    none.used.warmUp(each);
    expect([each.weight, none.clock.pending]).toEqual([1, 0]);
    none.used.forget(each);
    none.used.close();
    const { clock, used } = world({ slowStart: SLOW });
    const [one, two] = [endpoint('e1'), endpoint('e2')];
    used.warmUp(one);
    used.warmUp(two);
    used.forget(one);
    expect([one.warmth, two.warmth]).toEqual([1, 0.1]);
    used.reconfigure({ aperture: undefined, slowStart: undefined, zone: undefined });
    expect([two.warmth, clock.pending]).toEqual([1, 0]);
    used.warmUp(one);
    expect(one.warmth).toBe(1);
  });

  it('warms up by other options once they are given, and by none once it is closed', () => {
    const { clock, used } = world();
    used.reconfigure({ aperture: undefined, slowStart: SLOW, zone: undefined });
    const each = endpoint('e0');
    used.warmUp(each);
    used.reconfigure({ aperture: undefined, slowStart: { ...SLOW, windowMs: 100_000 }, zone: undefined });
    clock.advance(20_000);
    expect(each.weight).toBeLessThan(0.3);
    used.close();
    expect(clock.pending).toBe(0);
  });
});
