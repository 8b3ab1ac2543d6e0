import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EndpointSpec } from '../../src/endpoint/endpoint.js';
import { Membership } from '../../src/endpoint/membership.js';
import { Outcome } from '../../src/runtime/outcome.js';

const spec = (id: string, more: Partial<EndpointSpec> = {}): EndpointSpec => ({
  id,
  host: '10.0.0.1',
  port: 80,
  weight: 1,
  priority: 0,
  zone: '',
  tags: [],
  meta: {},
  ...more,
});
const ids = (endpoints: readonly { spec: EndpointSpec }[]): string[] => endpoints.map((endpoint) => endpoint.spec.id);

describe('membership', () => {
  it('tells arrivals, changes and departures', () => {
    const membership = new Membership('s');
    expect(ids(membership.apply([spec('a'), spec('b'), spec('c')]).arrived)).toEqual(['a', 'b', 'c']);
    const change = membership.apply([spec('a'), spec('b', { weight: 5 }), spec('d')]);
    expect(ids(change.arrived)).toEqual(['d']);
    expect(ids(change.changed)).toEqual(['b']);
    expect(ids(change.departed)).toEqual(['c']);
    expect(ids(membership.members)).toEqual(['a', 'b', 'd']);
    expect(membership.byId('b')?.weight).toBe(5);
  });

  it('keeps the counters of an endpoint that changes its weight, tags or meta', () => {
    const membership = new Membership('s');
    membership.apply([spec('a')]);
    const endpoint = membership.byId('a')!;
    endpoint.begin();
    membership.apply([spec('a', { tags: ['v2'], meta: { version: '2' } })]);
    expect(membership.byId('a')).toBe(endpoint);
    expect(endpoint.inflight).toBe(1);
    expect(endpoint.spec.meta).toEqual({ version: '2' });
  });

  it('takes the same id at another address for a new instance', () => {
    const membership = new Membership('s');
    membership.apply([spec('a')]);
    const old = membership.byId('a')!;
    old.begin();
    const change = membership.apply([spec('a', { port: 81 })]);
    expect(change.arrived).toHaveLength(1);
    expect(change.departed).toEqual([old]);
    expect(membership.byId('a')).not.toBe(old);
    expect(old.state).toBe('draining');
  });

  it('lets an endpoint that leaves drain until its last call is done', () => {
    const membership = new Membership('s');
    membership.apply([spec('a')]);
    const endpoint = membership.byId('a')!;
    endpoint.begin();
    membership.apply([]);
    expect(endpoint.state).toBe('draining');
    expect(membership.draining.has(endpoint)).toBe(true);
    endpoint.end(Outcome.Success);
    expect(membership.drained(endpoint)).toBe(true);
    expect(membership.draining.size).toBe(0);
  });

  it('revives a draining endpoint that returns, with its counters', () => {
    const membership = new Membership('s');
    membership.apply([spec('a')]);
    const endpoint = membership.byId('a')!;
    endpoint.begin();
    membership.apply([]);
    const change = membership.apply([spec('a', { weight: 3 })]);
    expect(change.arrived).toEqual([endpoint]);
    expect(endpoint.state).toBe('ready');
    expect(endpoint.inflight).toBe(1);
    expect(endpoint.weight).toBe(3);
    expect(membership.draining.size).toBe(0);
  });

  it.each([
    ['no id', spec('')],
    ['no host', spec('x', { host: '' })],
    ['port 0', spec('x', { port: 0 })],
    ['port 70000', spec('x', { port: 70_000 })],
    ['weight 0', spec('x', { weight: 0 })],
    ['weight NaN', spec('x', { weight: Number.NaN })],
    ['weight 65536', spec('x', { weight: 65_536 })],
    ['priority -1', spec('x', { priority: -1 })],
    ['no zone', spec('x', { zone: undefined as never })],
    ['tags that are no list', spec('x', { tags: 'v1' as never })],
    ['tags of numbers', spec('x', { tags: [1] as never })],
    ['meta of numbers', spec('x', { meta: { shard: 1 } as never })],
    ['no meta', spec('x', { meta: null as never })],
    ['null', null as never],
  ])('leaves out a spec with %s, says so, and takes the others', (_, bad) => {
    const membership = new Membership('users');
    const change = membership.apply([spec('a'), bad, spec('b')]);
    expect(ids(membership.members)).toEqual(['a', 'b']);
    expect(change.refused).toHaveLength(1);
    expect(change.refused[0]?.message).toMatch(/of service 'users' is left out/);
  });

  it('leaves out the second of two specs with the same id', () => {
    const membership = new Membership('s');
    const change = membership.apply([spec('a', { port: 1 }), spec('a', { port: 2 })]);
    expect(membership.byId('a')?.spec.port).toBe(1);
    expect(change.refused).toHaveLength(1);
  });

  it('lists exactly the last snapshot whatever came before, and reports what changed', () => {
    const snapshot = fc.uniqueArray(
      fc.record({
        id: fc.integer({ min: 0, max: 12 }),
        port: fc.integer({ min: 1, max: 3 }),
        weight: fc.integer({ min: 1, max: 3 }),
      }),
      { selector: (entry) => entry.id, maxLength: 12 },
    );
    fc.assert(
      fc.property(fc.array(snapshot, { maxLength: 8 }), (snapshots) => {
        const membership = new Membership('s');
        let known = new Set<unknown>();
        for (const entries of snapshots) {
          const specs = entries.map(({ id, port, weight }) => spec(`e${id}`, { port, weight }));
          const change = membership.apply(specs);
          expect([...ids(membership.members)].sort()).toEqual(specs.map((each) => each.id).sort());
          for (const each of specs) expect(membership.byId(each.id)?.spec).toEqual(each);
          for (const departed of change.departed) expect(known.delete(departed)).toBe(true);
          for (const arrived of change.arrived) {
            expect(known.has(arrived)).toBe(false);
            known.add(arrived);
          }
          for (const changed of change.changed) expect(known.has(changed)).toBe(true);
          expect(new Set(membership.members)).toEqual(known);
          known = new Set(membership.members);
        }
      }),
    );
  });
});

describe('the members that serve', () => {
  const listing = fc.array(
    fc.record({ id: fc.constantFrom('a', 'b', 'c', 'd'), port: fc.constantFrom(80, 81), healthy: fc.boolean() }),
    { maxLength: 5 },
  );

  it('are those that the last list calls healthy, and comings and goings add up to them, through any history', () => {
    fc.assert(
      fc.property(fc.array(listing, { maxLength: 12 }), fc.array(fc.boolean()), (lists, busy) => {
        const membership = new Membership('s');
        let serving = new Set<unknown>();
        lists.forEach((list, at) => {
          const distinct = [...new Map(list.map((each) => [each.id, each])).values()];
          const change = membership.apply(distinct.map((each) => spec(each.id, each)));
          expect(ids(membership.members)).toEqual(distinct.map(({ id }) => id).sort());
          expect(ids(membership.serving)).toEqual(
            distinct
              .filter(({ healthy }) => healthy)
              .map(({ id }) => id)
              .sort(),
          );
          for (const each of change.withdrawn) expect(serving.delete(each)).toBe(true);
          for (const each of change.restored) {
            expect(serving.has(each)).toBe(false);
            serving.add(each);
          }
          expect(serving).toEqual(new Set(membership.serving));
          serving = new Set(membership.serving);
          for (const each of membership.members) {
            expect(each.withdrawn).toBe(each.spec.healthy === false);
            if (busy[at] === true) each.begin();
          }
        });
      }),
    );
  });
});
