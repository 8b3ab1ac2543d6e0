import type { Endpoint, Picker, PickRequest, Policy, Rotation } from 'fairlead';
import { describe, expect, it } from 'vitest';
import { OddityBook } from '../../src/balancing/oddities.js';
import type { RotationGroup } from '../../src/endpoint/rotation/rotation.js';
import { GroupPickers } from '../../src/picking/group-pickers.js';
import { seededRandom } from '../../src/runtime/random.js';
import { ManualClock } from '../../src/testing/index.js';

/** Stands for an endpoint: pickers compare them by identity alone. */
const endpoint = (id: string): Endpoint => ({ spec: { id } }) as unknown as Endpoint;

function group(key: string, share: number, ids: readonly string[]): RotationGroup {
  const ready = ids.map(endpoint);
  return { key, share, rotation: { ready, members: ready, panic: false } as unknown as Rotation };
}

/** Picks the first that was not tried, and notes what it was asked. */
class FirstUntried implements Picker {
  readonly updates: Rotation[] = [];
  readonly observed: Endpoint[] = [];
  closes = 0;
  building = false;

  update(rotation: Rotation): void {
    this.updates.push(rotation);
  }

  pick({ tried }: PickRequest): Endpoint {
    const { ready } = this.updates.at(-1)!;
    return ready.find((each) => !tried?.includes(each)) ?? ready[0]!;
  }

  observe(each: Endpoint): void {
    this.observed.push(each);
  }

  preview(request: PickRequest) {
    const chosen = this.pick(request);
    return { endpoint: chosen, drew: [chosen] };
  }

  describe(each: Endpoint) {
    return { parts: { at: this.updates.at(-1)!.ready.indexOf(each) } };
  }

  close(): void {
    this.closes++;
  }
}

function testGroups({ usesKey = false }: { readonly usesKey?: boolean } = {}) {
  const made: FirstUntried[] = [];
  const policy: Policy = {
    name: 'first_untried',
    needsLatency: false,
    usesKey,
    create: () => {
      const picker = new FirstUntried();
      made.push(picker);
      return picker;
    },
  };
  const random = seededRandom(18);
  const host = { name: 's', clock: new ManualClock(), random, probes: undefined };
  const groups = new GroupPickers(policy, host, { weighed: undefined, built: () => {} }, new OddityBook());
  return { groups, made, random };
}

const request = (fields: Partial<PickRequest> = {}): PickRequest => ({ ...fields }) as PickRequest;

/** How many of 1000 picks go to the group whose only endpoint is the first. */
function shareOf(groups: GroupPickers, first: Endpoint, requestOf: (i: number) => PickRequest): number {
  let count = 0;
  for (let i = 0; i < 1000; i++) if (groups.pick(requestOf(i)) === (first as unknown)) count++;
  return count / 1000;
}

describe('groups of a rotation', () => {
  it('share the calls as the rotation says, by a draw', () => {
    const { groups } = testGroups();
    const [a, b] = [group('a', 0.7, ['a']), group('b', 0.3, ['b'])];
    groups.update([a, b]);
    const share = shareOf(groups, a.rotation.ready[0]!, () => request());
    expect(share).toBeGreaterThan(0.65);
    expect(share).toBeLessThan(0.75);
  });

  it.each([
    ['text', (i: number) => `user-${i}`],
    ['bytes', (i: number) => Buffer.from(`user-${i}`)],
  ])('are chosen by a key of %s where the policy goes by key, and for every key the same', (_, keyOf) => {
    const { groups } = testGroups({ usesKey: true });
    const [a, b] = [group('a', 0.7, ['a']), group('b', 0.3, ['b'])];
    groups.update([a, b]);
    const share = shareOf(groups, a.rotation.ready[0]!, (i) => request({ key: keyOf(i) }));
    expect(share).toBeGreaterThan(0.65);
    expect(share).toBeLessThan(0.75);
    for (let i = 0; i < 50; i++) {
      const first = groups.pick(request({ key: keyOf(i) }));
      for (let again = 0; again < 10; again++) expect(groups.pick(request({ key: keyOf(i) }))).toBe(first);
    }
  });

  it('are chosen alike by a key as text and as its bytes', () => {
    const { groups } = testGroups({ usesKey: true });
    groups.update([group('a', 0.5, ['a']), group('b', 0.5, ['b'])]);
    for (let i = 0; i < 100; i++)
      expect(groups.pick(request({ key: Buffer.from(`k${i}`) }))).toBe(groups.pick(request({ key: `k${i}` })));
  });

  it('are drawn for calls without a key, and for those with one where the policy does not go by it', () => {
    const both = [group('a', 0.5, ['a']), group('b', 0.5, ['b'])] as const;
    const byKey = testGroups({ usesKey: true }).groups;
    const byDraw = testGroups().groups;
    byKey.update(both);
    byDraw.update(both);
    const [first] = both[0].rotation.ready;
    expect(Math.abs(shareOf(byKey, first!, () => request()) - 0.5)).toBeLessThan(0.06);
    expect(Math.abs(shareOf(byDraw, first!, () => request({ key: 'the same' })) - 0.5)).toBeLessThan(0.06);
  });

  it('give another, nearest first, to a call that has tried all of the one that was drawn', () => {
    const { groups } = testGroups();
    const [a, b, c] = [group('a', 0, ['a1', 'a2']), group('b', 1, ['b']), group('c', 0, ['c'])];
    groups.update([a, b, c]);
    const [a1, a2] = a.rotation.ready;
    const tried = [...b.rotation.ready, a1!];
    const dry = seededRandom(1);
    expect(groups.pick(request({ tried: [a1!] }))).toBe(b.rotation.ready[0]);
    expect(groups.pick(request({ tried }))).toBe(a2);
    expect(groups.preview(request({ tried }), dry)?.endpoint).toBe(a2);
    tried.push(a2!);
    expect(groups.pick(request({ tried }))).toBe(c.rotation.ready[0]);
    expect(groups.preview(request({ tried }), dry)?.endpoint).toBe(c.rotation.ready[0]);
    tried.push(...c.rotation.ready);
    // All were: the drawn group's choice.
    expect(groups.pick(request({ tried }))).toBe(b.rotation.ready[0]);
    expect(groups.preview(request({ tried }), dry)?.endpoint).toBe(b.rotation.ready[0]);
  });

  it('are previewed by the draws that are given, without one of their own', () => {
    const { groups, random } = testGroups();
    groups.update([group('a', 0.5, ['a']), group('b', 0.5, ['b'])]);
    const own = testGroups();
    own.groups.update([group('a', 0.5, ['a']), group('b', 0.5, ['b'])]);
    const dry = seededRandom(18);
    for (let i = 0; i < 50; i++)
      expect(groups.preview(request(), dry)?.endpoint.spec.id).toBe(own.groups.pick(request()).spec.id);
    expect(random.below(1000)).toBe(seededRandom(18).below(1000));
  });

  it('describe an endpoint by the picker of its group, and one of none not at all', () => {
    const { groups } = testGroups();
    const b = group('b', 0.5, ['b1', 'b2']);
    groups.update([group('a', 0.5, ['a']), b]);
    expect(groups.describe(b.rotation.ready[1]!, request())).toEqual({ parts: { at: 1 } });
    expect(groups.describe(endpoint('gone'), request())).toBeUndefined();
  });

  it('keep the picker of a group that is gone for when it returns, and of the first whatever its key', () => {
    const { groups, made } = testGroups();
    groups.update([group('a', 0.5, ['a']), group('b', 0.5, ['b'])]);
    groups.update([group('c', 1, ['c'])]);
    groups.update([group('a', 0.5, ['a']), group('b', 0.5, ['b'])]);
    expect(made.map(({ updates }) => updates.length)).toEqual([3, 2]);
  });

  it('forget the pickers of groups that are gone where there are more than 256, and close them', () => {
    const { groups, made } = testGroups();
    const names = Array.from({ length: 256 }, (_, i) => `g${i}`);
    groups.update([group('first', 0.5, ['x']), ...names.map((name) => group(name, 0.5 / 256, [name]))]);
    groups.update([group('first', 0.5, ['x']), group('g7', 0.5, ['g7'])]);
    expect(made).toHaveLength(257);
    // The first's and the one in use stay.
    expect(made.filter(({ closes }) => closes === 0)).toEqual([made[0], made[8]]);
    groups.update([group('first', 0.5, ['x']), group('g8', 0.5, ['g8'])]);
    expect(made).toHaveLength(258);
    expect(made[8]!.closes).toBe(0);
  });

  it('forget none where there are 256', () => {
    const { groups, made } = testGroups();
    const names = Array.from({ length: 255 }, (_, i) => `g${i}`);
    groups.update([group('first', 0.5, ['x']), ...names.map((name) => group(name, 0.5 / 255, [name]))]);
    groups.update([group('first', 1, ['x'])]);
    expect(made.some(({ closes }) => closes > 0)).toBe(false);
  });

  it('are building while one of those in use is', () => {
    const { groups, made } = testGroups();
    groups.update([group('a', 0.5, ['a']), group('b', 0.5, ['b'])]);
    expect(groups.building).toBe(false);
    made[1]!.building = true;
    expect(groups.building).toBe(true);
    groups.update([group('a', 1, ['a'])]);
    expect(groups.building).toBe(false);
  });

  it('tell every picker the end of a call, those of groups that are gone too, and close all of them', () => {
    const { groups, made } = testGroups();
    groups.update([group('a', 0.5, ['a']), group('b', 0.5, ['b'])]);
    groups.update([group('a', 1, ['a'])]);
    const called = endpoint('a');
    expect(groups.observes).toBe(true);
    groups.observe(called, 0 as never, 1, 2);
    expect(made.map(({ observed }) => observed)).toEqual([[called], [called]]);
    groups.close();
    expect(made.map(({ closes }) => closes)).toEqual([1, 1]);
  });

  it.each([
    ['one', [group('c', 1, ['c'])]],
    ['two', [group('c', 0.5, ['c']), group('d', 0.5, ['d'])]],
  ])('go on as they were where the picker of %s throws', (_, next) => {
    const { groups, made } = testGroups();
    const before = [group('a', 0.7, ['a']), group('b', 0.3, ['b'])] as const;
    groups.update(before);
    made[0]!.update = () => {
      throw new Error('mine');
    };
    expect(() => groups.update(next)).toThrow('mine');
    const share = shareOf(groups, before[0].rotation.ready[0]!, () => request());
    expect(share).toBeGreaterThan(0.65);
    expect(share).toBeLessThan(0.75);
  });

  it('ask nothing of pickers that only pick', () => {
    const bare: Policy = {
      name: 'bare',
      needsLatency: false,
      create: () => {
        const full = new FirstUntried();
        return { update: (rotation) => full.update(rotation), pick: (asked) => full.pick(asked) };
      },
    };
    const host = { name: 's', clock: new ManualClock(), random: seededRandom(1), probes: undefined };
    const groups = new GroupPickers(bare, host, { weighed: undefined, built: () => {} }, new OddityBook());
    const names = Array.from({ length: 300 }, (_, i) => `g${i}`);
    groups.update(names.map((name) => group(name, 1 / 300, [name])));
    const last = [group('a', 0, ['a']), group('b', 1, ['b'])] as const;
    groups.update(last);
    const [b] = last[1].rotation.ready;
    expect(groups.observes).toBe(false);
    expect(groups.building).toBe(false);
    expect(groups.preview(request({ tried: [b!] }), seededRandom(1))).toBeUndefined();
    expect(groups.describe(b!, request())).toBeUndefined();
    groups.observe(b!, 0 as never, 1, 2);
    expect(groups.pick(request())).toBe(b);
    groups.close();
  });
});
