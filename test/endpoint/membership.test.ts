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
    ['no id', spec(''), 'it has no id'],
    ['an id that is no text', spec(7 as never), 'it has no id'],
    ['no host', spec('x', { host: '' }), 'it has no host'],
    ['a host that is no text', spec('x', { host: 7 as never }), 'it has no host'],
    ['port 0', spec('x', { port: 0 }), 'its port is 0'],
    ['port 65536', spec('x', { port: 65_536 }), 'its port is 65536'],
    ['port 80.5', spec('x', { port: 80.5 }), 'its port is 80.5'],
    ['weight 0', spec('x', { weight: 0 }), 'its weight is 0'],
    ['weight NaN', spec('x', { weight: Number.NaN }), 'its weight is NaN'],
    ['weight 65536', spec('x', { weight: 65_536 }), 'its weight is 65536'],
    ['registered weight 0', spec('x', { registeredWeight: 0 }), 'its registered weight is 0'],
    ['health that is neither', spec('x', { healthy: 'yes' as never }), 'its health is neither true nor false'],
    ['priority -1', spec('x', { priority: -1 }), 'its priority is -1'],
    ['priority 128', spec('x', { priority: 128 }), 'its priority is 128'],
    ['priority 0.5', spec('x', { priority: 0.5 }), 'its priority is 0.5'],
    ['no zone', spec('x', { zone: undefined as never }), 'its zone is not a string'],
    ['tags that are no list', spec('x', { tags: 'v1' as never }), 'its tags are no list of strings'],
    ['tags some of which are numbers', spec('x', { tags: ['v1', 1] as never }), 'its tags are no list of strings'],
    ['meta some of which are numbers', spec('x', { meta: { a: 'b', c: 1 } as never }), 'its meta is not an object'],
    ['no meta', spec('x', { meta: null as never }), 'its meta is not an object of strings'],
    ['meta that is text', spec('x', { meta: 'a' as never }), 'its meta is not an object of strings'],
    ['null', null as never, 'it is not an object'],
    ['text', 'x:80' as never, 'it is not an object'],
  ])('leaves out a spec with %s, says why, and takes the others', (_, bad, reason) => {
    const membership = new Membership('users');
    const change = membership.apply([spec('a'), bad, spec('b')]);
    expect(ids(membership.members)).toEqual(['a', 'b']);
    expect(change.refused).toHaveLength(1);
    expect(change.refused[0]?.code).toBe('FAIRLEAD_INVALID_OPTION');
    expect(change.refused[0]?.message).toContain(`of service 'users' is left out: ${reason}`);
    // Said once, as long as it stays wrong in the same way.
    expect(membership.apply([spec('a'), bad]).refused).toEqual([]);
    membership.apply([spec('a')]);
    expect(membership.apply([spec('a'), bad]).refused).toHaveLength(1);
  });

  it.each([
    ['port 1', { port: 1 }],
    ['port 65535', { port: 65_535 }],
    ['weight 65535', { weight: 65_535 }],
    ['priority 127', { priority: 127 }],
    ['a registered weight', { registeredWeight: 65_535 }],
    ['a verdict of its registry', { healthy: false }],
    ['tags and meta', { tags: ['v1', 'v2'], meta: { shard: '1', region: 'eu' } }],
  ])('takes a spec with %s', (_, more) => {
    const change = new Membership('users').apply([spec('a', more)]);
    expect(change.refused).toEqual([]);
    expect(change.arrived[0]?.spec).toEqual(spec('a', more));
  });

  it('leaves out one that stayed behind another of its id, also where the resolver keeps its objects', () => {
    for (const again of [(kept: EndpointSpec) => kept, (kept: EndpointSpec) => ({ ...kept })]) {
      const membership = new Membership('s');
      const kept = spec('a');
      membership.apply([kept]);
      const change = membership.apply([spec('a', { port: 81 }), again(kept)]);
      expect([change.arrived.length, change.departed.length, change.refused.length]).toEqual([1, 1, 1]);
      expect(membership.members.map((each) => each.spec.port)).toEqual([81]);
      expect(membership.byId('a')).toBe(membership.members[0]);
    }
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
