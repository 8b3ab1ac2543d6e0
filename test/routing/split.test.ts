import type { EndpointInput, Lease, Service } from 'fairlead';
import { Outcome } from 'fairlead';
import { type Routing, routeCalls, type SplitOptions } from 'fairlead/routing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bucketsOf } from '../../src/routing/split/buckets.js';
import { testMesh } from '../support/mesh.js';

const instance = (id: string, port: number, version: string): EndpointInput => ({
  id,
  host: '127.0.0.1',
  port,
  meta: { version },
});
const OLD = [instance('old-a', 1, '1'), instance('old-b', 2, '1')];
const NEW = [instance('new-a', 3, '2'), instance('new-b', 4, '2')];

const split = (share: number, more: Partial<SplitOptions> = {}): SplitOptions => ({
  name: 'users',
  arms: { v2: { share, version: '2' } },
  ...more,
});

function world(options: SplitOptions, endpoints: readonly EndpointInput[] = [...OLD, ...NEW], more = {}) {
  const test = testMesh({ users: endpoints }, more);
  const service = test.mesh.service('users');
  const routing = routeCalls(service, { split: options });
  return { ...test, service, routing };
}

const idOf = (lease: Lease): string => {
  lease.done(Outcome.Success);
  return lease.endpoint.spec.id;
};
const isNew = (service: Service, key?: string, labels?: (name: string) => string | undefined): boolean =>
  idOf(service.acquire({ key, labels })).startsWith('new');
const keys = Array.from({ length: 4_000 }, (_, i) => `user-${i}`);
const shareOf = (service: Service): number => keys.filter((key) => isNew(service, key)).length / keys.length;

describe('a split by weight', () => {
  it.each([0, 1, 5, 25, 50, 99, 100])('gives an arm %i %% of the keys', (share) => {
    const { service } = world(split(share));
    expect(shareOf(service)).toBeCloseTo(share / 100, 1);
    if (share === 0) expect(shareOf(service)).toBe(0);
    if (share === 100) expect(shareOf(service)).toBe(1);
  });

  it('keeps a key in its arm, and only adds keys when the share grows', () => {
    const { service, routing } = world(split(5));
    const before = keys.filter((key) => isNew(service, key));
    expect(keys.filter((key) => isNew(service, key))).toEqual(before);
    routing.setShare('v2', 25);
    const after = new Set(keys.filter((key) => isNew(service, key)));
    expect(before.every((key) => after.has(key))).toBe(true);
    expect(after.size).toBeGreaterThan(before.length * 3);
  });

  it('draws calls without a key, or sends them to the baseline', () => {
    const { service, routing } = world(split(50));
    const drawn = Array.from({ length: 1_000 }, () => isNew(service)).filter(Boolean).length;
    expect(drawn).toBeGreaterThan(400);
    expect(drawn).toBeLessThan(600);
    routing.update({ split: split(50, { withoutKey: 'baseline' }) });
    expect(Array.from({ length: 200 }, () => isNew(service)).some(Boolean)).toBe(false);
  });

  it('goes by a label where it says so', () => {
    const { service } = world(split(50, { by: 'X-User' }));
    const byLabel = keys.map((user) => isNew(service, 'the same', (name) => (name === 'x-user' ? user : undefined)));
    const share = byLabel.filter(Boolean).length / keys.length;
    expect(share).toBeGreaterThan(0.45);
    expect(share).toBeLessThan(0.55);
  });

  it('is another draw under another name', () => {
    const one = world(split(50)).service;
    const other = world(split(50, { name: 'orders' })).service;
    const same = keys.filter((key) => isNew(one, key) === isNew(other, key)).length / keys.length;
    expect(same).toBeGreaterThan(0.45);
    expect(same).toBeLessThan(0.55);
  });

  it('takes binary keys', () => {
    const { service } = world(split(50));
    const bytes = Array.from({ length: 1_000 }, (_, i) => new Uint8Array([i & 255, i >> 8]));
    const chosen = bytes.map((key) => idOf(service.acquire({ key })).startsWith('new'));
    expect(chosen.filter(Boolean).length).toBeGreaterThan(400);
    expect(bytes.map((key) => idOf(service.acquire({ key })).startsWith('new'))).toEqual(chosen);
  });

  it('holds each arm to at most its hundredths of a per cent, for any shares', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 2_500 }), { minLength: 1, maxLength: 4 }), (shares) => {
        const buckets = bucketsOf(shares.map((each, i) => ({ name: `arm-${i}`, percent: each / 100 })));
        for (const [i, each] of shares.entries()) expect(buckets.filter((arm) => arm === i)).toHaveLength(each);
      }),
    );
  });

  it('raised only adds buckets to its arm and leaves arms before it alone', () => {
    const shares = fc.array(fc.integer({ min: 0, max: 2_000 }), { minLength: 2, maxLength: 4 });
    fc.assert(
      fc.property(shares, fc.nat(), fc.integer({ min: 1, max: 2_000 }), (counts, pick, more) => {
        const raised = pick % counts.length;
        const before = bucketsOf(counts.map((each, i) => ({ name: `arm-${i}`, percent: each / 100 })));
        const after = bucketsOf(
          counts.map((each, i) => ({ name: `arm-${i}`, percent: (each + (i === raised ? more : 0)) / 100 })),
        );
        for (let bucket = 0; bucket < before.length; bucket++) {
          if (before[bucket] === raised) expect(after[bucket]).toBe(raised);
          if (before[bucket]! < raised) expect(after[bucket]).toBe(before[bucket]);
        }
      }),
      { numRuns: 40 },
    );
  });
});

describe('a split by label', () => {
  const rules = [
    { arm: 'v2', labels: { 'X-Beta': '1' } },
    { arm: 'v2', labels: { 'x-country': ['ch', 'at'] } },
    { arm: 'baseline', labels: { 'x-agent': { prefix: 'bot' } } },
  ];

  it('goes before the shares', () => {
    const { service } = world(split(0, { rules }));
    const of = (labels: Record<string, string>): boolean => isNew(service, 'k', (name) => labels[name]);
    expect(of({})).toBe(false);
    expect(of({ 'x-beta': '1' })).toBe(true);
    expect(of({ 'x-beta': '2' })).toBe(false);
    expect(of({ 'x-country': 'at' })).toBe(true);
    expect(of({ 'x-country': 'de' })).toBe(false);
  });

  it('takes the first rule that holds', () => {
    const { service } = world(split(100, { rules }));
    const of = (labels: Record<string, string>): boolean => isNew(service, 'k', (name) => labels[name]);
    expect(of({ 'x-agent': 'bot/1' })).toBe(false);
    expect(of({ 'x-agent': 'bot/1', 'x-beta': '1' })).toBe(true);
  });

  it('takes labels from call(), as an object or a function, and survives one that throws', async () => {
    const { service } = world(split(0, { rules }));
    const at = (labels: object): Promise<string> =>
      service.call((endpoint) => endpoint.spec.id, { labels: labels as never });
    expect(await at({ 'x-beta': '1' })).toMatch(/^new/);
    expect(await at((name: string) => (name === 'x-beta' ? '1' : undefined))).toMatch(/^new/);
    expect(
      await at(() => {
        throw new Error('mine');
      }),
    ).toMatch(/^old/);
    await expect(service.call(() => 1, { labels: 5 as never })).rejects.toThrow(/call\.labels is 5: allowed is/);
  });
});

describe('an arm without an endpoint that is well', () => {
  it('spills to the baseline, which is counted and not judged', () => {
    const { service, routing, resolver } = world(split(100));
    resolver.update('users', OLD);
    expect(shareOf(service)).toBe(0);
    const { arms } = routing.status;
    expect(arms.v2).toMatchObject({ endpoints: [], calls: 0, spilled: keys.length });
    expect(arms.baseline).toMatchObject({ endpoints: ['old-a', 'old-b'], calls: 0 });
  });

  it('is asked again when its endpoint may return', () => {
    const { service, clock, resolver } = world(split(100));
    resolver.update('users', [...OLD, NEW[0]!]);
    for (let i = 0; i < 5; i++) service.acquire().done(Outcome.ConnectFailure);
    expect(service.endpoints.find(({ spec }) => spec.id === 'new-a')?.state).toBe('ejected');
    expect(isNew(service)).toBe(false);
    clock.advance(60_000);
    expect(isNew(service)).toBe(true);
    expect(service.endpoints.find(({ spec }) => spec.id === 'new-a')?.state).toBe('ready');
  });

  it('is the baseline too: then an arm serves', () => {
    const { service, routing, resolver } = world(split(0));
    resolver.update('users', NEW);
    expect(shareOf(service)).toBe(1);
    expect(routing.status.arms.baseline).toMatchObject({ spilled: keys.length });
  });
});

describe('update()', () => {
  it('keeps counts, and what the pickers know, of arms that select the same', () => {
    const { service, routing } = world(split(100));
    for (let i = 0; i < 10; i++) service.acquire().done(i < 3 ? Outcome.Failure : Outcome.Success);
    routing.update({ split: split(50, { rules: [{ arm: 'v2', labels: { a: 'b' } }] }) });
    expect(routing.status.arms.v2).toMatchObject({ share: 50, calls: 10, errors: 3 });
    routing.update({ split: split(50, { arms: { v2: { share: 50, tags: ['canary'] } } }) });
    expect(routing.status.arms.v2).toMatchObject({ share: 50, calls: 0 });
  });

  it('refuses what is wrong and changes nothing then', () => {
    const { service, routing } = world(split(100));
    expect(() => routing.update({ split: split(101) })).toThrow(/share is 101: allowed is a number from 0 to 100/);
    expect(() => routing.setShare('v3', 1)).toThrow(/arm is "v3": allowed is one of v2/);
    expect(shareOf(service)).toBe(1);
  });

  it('does not disturb a call that began before it', () => {
    const { service, routing } = world(split(100));
    const lease = service.acquire();
    routing.update({ split: split(50, { arms: { v3: { share: 10, version: '3' } } }) });
    lease.done(Outcome.Success);
    expect(service.endpoints.reduce((sum, { inflight }) => sum + inflight, 0)).toBe(0);
  });

  it('that adds an arm, or lanes, keeps the counts of the others and of the baseline', () => {
    const third = instance('third', 5, '3');
    const laned: EndpointInput = { id: 'laned', host: '127.0.0.1', port: 6, meta: { version: '1', lane: 'x' } };
    const { service, routing } = world(split(50), [...OLD, ...NEW, third, laned]);
    for (const key of keys.slice(0, 500)) idOf(service.acquire({ key }));
    const { v2, baseline } = routing.status.arms;
    expect(baseline!.endpoints).toContain('third');
    const arms = { v3: { share: 20, version: '3' }, v2: { share: 40, version: '2' } };
    routing.update({ split: split(0, { arms }), lanes: true });
    const after = routing.status.arms;
    expect(after.v2).toMatchObject({ calls: v2!.calls, endpoints: v2!.endpoints });
    expect(after.baseline).toMatchObject({ calls: baseline!.calls, endpoints: ['old-a', 'old-b'] });
    expect(after.v3).toMatchObject({ calls: 0, endpoints: ['third'] });
    const reached = keys.slice(0, 500).map((key) => idOf(service.acquire({ key })));
    expect(new Set(reached)).toEqual(new Set(['old-a', 'old-b', 'new-a', 'new-b', 'third']));
    expect(reached.filter((id) => id === 'third').length).toBe(routing.status.arms.v3!.calls);
    routing.update({ split: split(50) });
    expect(routing.status.arms.v2!.calls).toBeGreaterThan(v2!.calls);
    const back = keys.slice(0, 500).map((key) => idOf(service.acquire({ key })));
    expect(new Set(back)).toEqual(new Set(['old-a', 'old-b', 'new-a', 'new-b', 'third', 'laned']));
  });

  it('leaves no picker behind over thousands of changes', () => {
    const { service, routing } = world(split(50));
    for (let i = 0; i < 3_000; i++) {
      routing.update({
        split: split(50, { arms: { v2: { share: 50, version: '2', meta: { version: '2' }, tags: [] } } }),
      });
      routing.update({ split: split(i % 100) });
      service.acquire({ key: 'k' }).done(Outcome.Success);
    }
    const { views } = service as unknown as { views: { size: number } };
    expect(views.size).toBeLessThan(10);
  });
});

describe('sessions of a split service', () => {
  it('move with their key into another arm, and stay where they are within one', () => {
    const { service, routing } = world(split(0), undefined, { services: { users: { affinity: true } } });
    const first = idOf(service.acquire({ key: 'k' }));
    for (let i = 0; i < 20; i++) expect(idOf(service.acquire({ key: 'k' }))).toBe(first);
    routing.setShare('v2', 100);
    const second = idOf(service.acquire({ key: 'k' }));
    expect(second).toMatch(/^new/);
    for (let i = 0; i < 20; i++) expect(idOf(service.acquire({ key: 'k' }))).toBe(second);
    // Rolled back, the user is where they were.
    routing.setShare('v2', 0);
    expect(idOf(service.acquire({ key: 'k' }))).toBe(first);
  });

  it('go to another arm also where they must not move within one', () => {
    const affinity = { onUnavailable: 'fail' as const };
    const { service, routing } = world(split(0), undefined, { services: { users: { affinity } } });
    expect(isNew(service, 'k')).toBe(false);
    routing.setShare('v2', 100);
    expect(isNew(service, 'k')).toBe(true);
  });
});

describe('a subset of a split service', () => {
  it('is split too, within what it may use', () => {
    const { service } = world(split(100));
    using subset = service.subset({ usable: ({ spec }) => spec.id.endsWith('-a') });
    for (let i = 0; i < 50; i++) expect(idOf(subset.acquire())).toBe('new-a');
    let open = false;
    using none = service.subset({ usable: ({ spec }) => spec.id === 'old-a' || (open && spec.id === 'new-b') });
    expect(idOf(none.acquire())).toBe('old-a');
    open = true;
    none.refresh();
    expect(idOf(none.acquire())).toBe('new-b');
  });
});

describe('routeCalls()', () => {
  const bad: [what: string, options: unknown, message: RegExp][] = [
    ['nothing', {}, /allowed is an object with split, lanes or both/],
    ['no name', { split: { arms: { v2: { share: 1, version: '2' } } } }, /split\.name is undefined/],
    ['no arms', { split: { name: 'x', arms: {} } }, /split\.arms .* allowed is an object of 1 to 100 arms/],
    ['no selector', { split: { name: 'x', arms: { v2: { share: 1 } } } }, /version, tags or meta/],
    ['no share', { split: { name: 'x', arms: { v2: { version: '2' } } } }, /share is undefined/],
    [
      'too small a share',
      { split: { name: 'x', arms: { v2: { share: 0.001, version: '2' } } } },
      /at least 0\.01, or 0/,
    ],
    [
      'too much in all',
      { split: { name: 'x', arms: { a: { share: 60, version: '2' }, b: { share: 50, version: '3' } } } },
      /together is 110: allowed is at most 100/,
    ],
    [
      'the name of the baseline',
      { split: { name: 'x', arms: { baseline: { share: 1, version: '2' } } } },
      /not baseline/,
    ],
    ['an unknown option', { split: { name: 'x', arms: {}, wait: 1 } }, /split\.wait is not an option/],
    [
      'a rule of no arm',
      { split: { name: 'x', arms: { v2: { share: 1, version: '2' } }, rules: [{ arm: 'v3', labels: { a: 'b' } }] } },
      /rules\[0\]\.arm is "v3": allowed is one of v2, baseline/,
    ],
    [
      'a rule without labels',
      { split: { name: 'x', arms: { v2: { share: 1, version: '2' } }, rules: [{ arm: 'v2' }] } },
      /at least one label/,
    ],
  ];

  it.each(bad)('refuses %s', (_, options, message) => {
    const { mesh } = testMesh({ users: OLD });
    expect(() => routeCalls(mesh.service('users'), options as never)).toThrow(message);
  });

  it('refuses a second routing of one service, until the first is closed', () => {
    const { service, routing } = world(split(100));
    expect(() => routeCalls(service, { split: split(1) })).toThrow(/routed already/);
    routing.close();
    routing.close();
    expect(new Set(Array.from({ length: 100 }, () => idOf(service.acquire()).slice(0, 3)))).toEqual(
      new Set(['old', 'new']),
    );
    const again: Routing = routeCalls(service, { split: split(100) });
    expect(shareOf(service)).toBe(1);
    again.close();
  });
});
