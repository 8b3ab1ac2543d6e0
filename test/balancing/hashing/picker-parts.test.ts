import type { Endpoint } from 'fairlead';
import { fakeEndpoints, ManualClock, seededRandom } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { BoundedLoad } from '../../../src/balancing/hashing/bounded-load.js';
import { createHashPicker, type HashPicker } from '../../../src/balancing/hashing/hash-picker.js';
import type { HashTableBuilder, PlacedEndpoint } from '../../../src/balancing/hashing/hash-table.js';
import { hashIp } from '../../../src/balancing/hashing/ip-prefix.js';
import { LiveEndpoint } from '../../../src/endpoint/live-endpoint.js';
import type { HashTable } from '../../../src/hashing/hash-table.js';

/** Key n belongs to the endpoint n modulo their number, and to the next one after it. */
const tableOf = ({ length }: readonly unknown[]): HashTable => ({
  seek: (hash) => (hash >>> 0) % length,
  owner: (cursor) => cursor,
  advance: (cursor) => (cursor + 1) % length,
});

interface World {
  readonly over?: 'members' | 'ready';
  /** How many steps a table takes; at once where it is not said. */
  readonly steps?: number;
  readonly bound?: BoundedLoad;
}

function world(count: number, { over = 'members', steps, bound }: World = {}) {
  const all = fakeEndpoints(count, (i) => ({ id: `e${String(i).padStart(2, '0')}`, weight: 4 })).map(
    (spec, i) => new LiveEndpoint(spec, i),
  );
  const clock = new ManualClock();
  const wanted: (readonly PlacedEndpoint[])[] = [];
  let built = 0;
  const build = (endpoints: readonly PlacedEndpoint[]): HashTable => {
    wanted.push(endpoints);
    return tableOf(endpoints);
  };
  const table: HashTableBuilder = {
    over,
    build,
    ...(steps !== undefined && {
      *steps(endpoints: readonly PlacedEndpoint[]) {
        for (let step = 1; step < steps; step++) yield;
        return build(endpoints);
      },
    }),
  };
  const picker = createHashPicker({
    ...{ clock, table, bound, random: seededRandom(1), hash: Number, built: () => built++ },
  }) as HashPicker;
  const use = (ready: readonly Endpoint[], members: readonly Endpoint[] = all): void =>
    picker.update({ ready, members, panic: false });
  const pick = (key: number, tried?: readonly Endpoint[]): string =>
    picker.pick({ key: String(key), tried, nowMs: Number.NaN }).spec.id;
  const share = (at: number): number => picker.describe(all[at]!).parts!.share!;
  const warm = (at: number, to: number): void => {
    all[at]!.warmth = to;
    all[at]!.updateWeight();
    use([...all]);
  };
  const ids = () => wanted.map((each) => each.map(({ id }) => id).join(' '));
  return { all, clock, picker, use, pick, share, warm, wanted, ids, built: () => built };
}

describe('keys', () => {
  it('of one that is out go to the next, and come back with it; no others move', () => {
    const { all, use, pick, share } = world(4);
    use(all);
    expect([0, 1, 2, 3].map((key) => pick(key))).toEqual(['e00', 'e01', 'e02', 'e03']);
    use([all[0]!, all[1]!, all[3]!]);
    expect([0, 1, 2, 3].map((key) => pick(key))).toEqual(['e00', 'e01', 'e03', 'e03']);
    expect([0, 1, 2, 3].map(share)).toEqual([1, 1, 0, 1]);
    use([...all]);
    expect([0, 1, 2, 3].map((key) => pick(key))).toEqual(['e00', 'e01', 'e02', 'e03']);
  });

  it('of one that was tried go to the next, and where all were, to their own', () => {
    const { all, use, pick } = world(3);
    use(all);
    expect(pick(1, [all[1]!])).toBe('e02');
    expect(pick(1, [all[1]!, all[2]!])).toBe('e00');
    expect(pick(1, all)).toBe('e01');
  });

  it('of one in slow start are that part of its own which its weight is, and more of them as it grows', () => {
    const { use, all, pick, share, warm } = world(4);
    use(all);
    const own = Array.from({ length: 500 }, (_, i) => 4 * i + 1);
    const kept = (): Set<number> => new Set(own.filter((key) => pick(key) === 'e01'));
    const taken = [0.25, 0.5, 0.75].map((warmth) => {
      warm(1, warmth);
      expect(share(1)).toBeCloseTo(warmth, 6);
      const keys = kept();
      expect(Math.abs(keys.size / own.length - warmth)).toBeLessThan(0.1);
      for (const key of own) expect(['e01', 'e02']).toContain(pick(key));
      return keys;
    });
    for (const key of taken[0]!) expect(taken[1]).toContain(key);
    for (const key of taken[1]!) expect(taken[2]).toContain(key);
    warm(1, 1);
    expect(kept().size).toBe(own.length);
    // All others keep theirs, whatever it takes.
    warm(1, 0.01);
    for (let key = 0; key < 400; key++) if (key % 4 !== 1) expect(pick(key)).toBe(`e0${key % 4}`);
    warm(1, 1e-12);
    expect(share(1)).toBe(2 ** -30);
  });

  it('go by the table alone where that is made of what is ready, by the weights in use', () => {
    const { all, use, pick, share, warm, wanted, ids } = world(4, { over: 'ready' });
    use([all[0]!, all[1]!, all[3]!]);
    expect(ids()).toEqual(['e00 e01 e03']);
    warm(1, 0.25);
    expect(wanted.at(-1)!.map(({ weight }) => weight)).toEqual([4, 1, 4, 4]);
    expect([share(1), new Set(Array.from({ length: 50 }, (_, i) => pick(4 * i + 1))).size]).toEqual([1, 1]);
    // As it was: no table is made.
    const before = wanted.length;
    use([...all]);
    expect(wanted).toHaveLength(before);
  });

  it('go by all members and what discovery says of them where the table is of those', () => {
    const { all, use, warm, wanted, ids } = world(4);
    use([all[2]!]);
    warm(1, 0.25);
    expect(ids()).toEqual(['e00 e01 e02 e03']);
    expect(wanted[0]!.map(({ weight }) => weight)).toEqual([4, 4, 4, 4]);
  });

  it('go by those that are ready where these are fewer than one in sixteen', () => {
    const one = world(17);
    one.use([one.all[5]!]);
    expect(one.ids()).toEqual(['e05']);
    const other = world(16);
    other.use([other.all[5]!]);
    expect(other.wanted[0]).toHaveLength(16);
  });

  it('belong to the same whatever order the list is in', () => {
    const { all, use, pick, ids } = world(5);
    use(all.toReversed(), all.toReversed());
    expect(ids()).toEqual(['e00 e01 e02 e03 e04']);
    expect([0, 1, 4].map((key) => pick(key))).toEqual(['e00', 'e01', 'e04']);
  });
});

describe('a picker by keys', () => {
  it('hears of ends only where loads are bounded', () => {
    expect('observe' in world(2).picker).toBe(false);
    const { all, use, pick, picker } = world(2, { bound: new BoundedLoad(1) });
    use(all);
    all[0]!.begin();
    expect(pick(0)).toBe('e01');
    all[1]!.begin();
    expect('observe' in picker).toBe(true);
    expect(picker.describe(all[0]!).parts).toMatchObject({ room: 0, inflight: 1 });
  });

  it('takes any by chance for a call without a key', () => {
    const { all, use, picker } = world(4);
    use(all);
    const request = { key: undefined, tried: undefined, nowMs: Number.NaN };
    expect(new Set(Array.from({ length: 60 }, () => picker.pick(request).spec.id)).size).toBe(4);
  });

  it('describes anew what changed of a list, and takes the rest over', () => {
    const { all, use, wanted } = world(6);
    const list = (...places: number[]): void => {
      const members = places.map((place) => all[place]!);
      use(members, members);
    };
    list(1, 2, 4);
    list(0, 2, 3, 4);
    const [first, second] = wanted as [readonly PlacedEndpoint[], readonly PlacedEndpoint[]];
    expect(second.map(({ id }) => id)).toEqual(['e00', 'e02', 'e03', 'e04']);
    expect(second[1]).toBe(first[1]);
    expect(second[3]).toBe(first[2]);
    all[2]!.respecify({ ...all[2]!.spec, weight: 7 });
    list(2, 3, 5);
    const third = wanted[2]!;
    expect(third.map(({ id, weight }) => `${id} ${weight}`)).toEqual(['e02 7', 'e03 4', 'e05 4']);
    expect(third[0]).toEqual({ ...second[1], weight: 7 });
    expect(third[1]).toBe(second[2]);
  });
});

describe('a table of many steps', () => {
  it('is begun in the turn after that which brings a list of more than 1,600', () => {
    for (const [count, building] of [
      [1_600, false],
      [1_601, true],
    ] as const) {
      const { picker, use, all, clock } = world(count, { steps: 4 });
      use(all);
      expect([picker.building, clock.pending]).toEqual([building, building ? 1 : 0]);
      clock.advance(0);
      expect(picker.building).toBe(false);
    }
  });

  it('is done at once up to four, and by one in each turn from then on', () => {
    const four = world(4, { steps: 4 });
    four.use(four.all);
    expect([four.picker.building, four.clock.pending, four.built()]).toEqual([false, 0, 0]);
    const seven = world(4, { steps: 7 });
    seven.use(seven.all);
    expect([seven.picker.building, seven.clock.pending]).toEqual([true, 1]);
    let turns = 0;
    const { after } = seven.clock;
    seven.clock.after = (delayMs, fire) => {
      turns++;
      return after.call(seven.clock, delayMs, fire);
    };
    seven.clock.advance(0);
    // Of three that are left one a turn; the first was armed before turns were counted.
    expect([turns, seven.picker.building, seven.clock.pending, seven.built()]).toEqual([2, false, 0, 1]);
  });

  it('is finished at once for a call that finds none', () => {
    const { all, use, pick, picker, clock, built } = world(4, { steps: 50 });
    use(all);
    expect(pick(2)).toBe('e02');
    expect([picker.building, clock.pending, built()]).toEqual([false, 0, 1]);
  });

  it('leaves the one before in use while it is made, as long as that knows half of those ready', () => {
    const { all, use, pick, picker, clock } = world(8, { steps: 6 });
    const [first, half, less] = [all.slice(0, 4), all.slice(2, 6), all.slice(5, 8)];
    use(first, first);
    clock.advance(0);
    use(half, half);
    expect(picker.building).toBe(false);
    // Of the table before, whose first two are gone.
    expect([0, 1, 2, 3].map((key) => pick(key))).toEqual(['e02', 'e02', 'e02', 'e03']);
    clock.advance(0);
    expect([0, 1, 2, 3].map((key) => pick(key))).toEqual(['e02', 'e03', 'e04', 'e05']);
    use(less, less);
    expect(picker.building).toBe(true);
    expect([0, 1, 2].map((key) => pick(key))).toEqual(['e05', 'e06', 'e07']);
    expect(picker.building).toBe(false);
  });

  it('is that of the last list, of several that come meanwhile', () => {
    const { all, use, pick, clock, ids, built } = world(8, { steps: 6 });
    use(all, all);
    use(all.slice(1), all.slice(1));
    use(all.slice(2), all.slice(2));
    expect(ids()).toEqual([]);
    clock.advance(0);
    expect(ids().map((each) => each.slice(0, 3))).toEqual(['e00', 'e02']);
    expect([pick(0), built()]).toEqual(['e02', 2]);
  });

  it('is the one in work where that is what is wanted again, and none where the last one is', () => {
    const { all, use, clock, ids } = world(4, { steps: 6 });
    use(all, all);
    use(all.slice(1), all.slice(1));
    use([...all], [...all]);
    clock.advance(0);
    expect(ids()).toEqual(['e00 e01 e02 e03']);
    use(all.slice(1), all.slice(1));
    expect(clock.pending).toBe(1);
    use([...all], [...all]);
    expect(clock.pending).toBe(0);
    expect(ids()).toHaveLength(1);
  });

  it('is the last list at once for a call that finds none, and left off when all ends', () => {
    const { all, use, pick, picker, clock, ids, built } = world(8, { steps: 6 });
    use(all.slice(0, 4), all.slice(0, 4));
    use(all.slice(4), all.slice(4));
    expect(pick(1)).toBe('e05');
    expect([ids(), built(), clock.pending]).toEqual([['e04 e05 e06 e07'], 1, 0]);
    use(all, all);
    picker.close();
    expect(clock.pending).toBe(0);
  });
});

describe('the network of an address', () => {
  const bytes = (...each: number[]): Uint8Array => Uint8Array.from(each);

  it('is the same as text, as bytes, and as an IPv4 address within an IPv6 one', () => {
    const text = hashIp('10.1.2.3', 32, 64);
    expect(hashIp(bytes(10, 1, 2, 3), 32, 64)).toBe(text);
    expect(hashIp('::ffff:10.1.2.3', 32, 64)).toBe(text);
    expect(hashIp(bytes(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 1, 2, 3), 32, 64)).toBe(text);
    const six = bytes(0x20, 1, 0xd, 0xb8, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 9);
    expect(hashIp(six, 32, 64)).toBe(hashIp('2001:db8:1:2::9', 32, 64));
  });

  it('is what its leading bits are', () => {
    expect(hashIp(bytes(10, 1, 2, 3), 24, 64)).toBe(hashIp('10.1.2.99', 24, 64));
    expect(hashIp(bytes(10, 1, 2, 3), 24, 64)).not.toBe(hashIp('10.1.3.3', 24, 64));
    expect(hashIp('2001:db8:1:2::9', 32, 64)).toBe(hashIp('2001:db8:1:2:f::1', 32, 64));
    expect(hashIp('2001:db8:1:2::9', 32, 64)).not.toBe(hashIp('2001:db8:1:3::9', 32, 64));
  });

  it('is no network of what is no address: all of it counts', () => {
    const hashes = [bytes(), bytes(1, 2, 3), bytes(1, 2, 3, 4, 5), bytes(1, 2, 3, 4, 6), bytes(...Array(17).keys())];
    expect(new Set(hashes.map((each) => hashIp(each, 8, 8))).size).toBe(5);
    expect(hashIp('user:1', 8, 8)).not.toBe(hashIp('user:2', 8, 8));
  });
});
