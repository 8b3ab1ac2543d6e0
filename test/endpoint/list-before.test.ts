import { describe, expect, it } from 'vitest';
import type { EndpointSpec } from '../../src/endpoint/endpoint.js';
import { byId, ListBefore, mergeById } from '../../src/endpoint/list-before.js';
import type { LiveEndpoint } from '../../src/endpoint/live-endpoint.js';

const endpoint = (id: string) => ({ spec: { id } }) as LiveEndpoint;
const all = (ids: string) => [...ids].map(endpoint);
const idsOf = (list: readonly LiveEndpoint[]) => list.map(({ spec }) => spec.id).join('');

/** A list of endpoints, and how many searches by id finding others in it takes. */
function world(ids: string) {
  const listed = all(ids);
  let searches = 0;
  const known = new Map(listed.map((each) => [each.spec.id, each]));
  const search = (id: string): LiveEndpoint | undefined => {
    searches++;
    return known.get(id);
  };
  const before = new ListBefore(listed, { byId: search });
  const find = (wanted: string) => {
    const found = [...wanted].map((id) => before.find({ id } as EndpointSpec)?.spec.id ?? '-').join('');
    return [found, searches];
  };
  return { listed, before, find, searches: () => searches };
}

describe('the list before', () => {
  it('is gone through without a search where the order is the same, by id and by spec', () => {
    expect(world('abcd').find('abcd')).toEqual(['abcd', 0]);
    const { listed, before, searches } = world('ab');
    expect(listed.map(({ spec }) => before.find(spec))).toEqual(listed);
    expect(searches()).toBe(0);
  });

  it('is searched for one that came, and where others left', () => {
    expect(world('abcd').find('abxcd')).toEqual(['ab-cd', 1]);
    expect(world('abcdef').find('abef')).toEqual(['abef', 1]);
    expect(world('abcdef').find('cdef')).toEqual(['cdef', 1]);
  });

  it('is searched for each in another order, and finds all the same', () => {
    expect(world('abcdef').find('fedcba')[0]).toBe('fedcba');
    expect(world('abcd').find('badc')[0]).toBe('badc');
    expect(world('ab').find('abab')[0]).toBe('abab');
    expect(world('').find('a')).toEqual(['-', 1]);
  });

  it('passes over as many as it is long, in all', () => {
    // First f and back: six steps are spent, and each that follows is searched for.
    const { find } = world('abcdef');
    expect(find('f')).toEqual(['f', 1]);
    expect(find('ab')).toEqual(['ab', 3]);
    const half = world('abcdefgh');
    expect(half.find('d')).toEqual(['d', 1]);
    expect(half.find('e')).toEqual(['e', 1]);
    // Three were passed over: five more may be.
    expect(half.find('h')).toEqual(['h', 2]);
  });

  it('has no endpoint for a spec that is none', () => {
    const { before } = world('a');
    expect(before.find(undefined as never)).toBeUndefined();
  });
});

describe('two lists by id', () => {
  it('become one, in the order of ids', () => {
    expect(idsOf(mergeById(all('bdf'), all('aceg')))).toBe('abcdefg');
    expect(idsOf(mergeById(all('ab'), all('cd')))).toBe('abcd');
    expect(idsOf(mergeById(all('cd'), all('ab')))).toBe('abcd');
  });

  it('are the one itself where the other is empty', () => {
    const list = all('ab');
    expect(mergeById(list, [])).toBe(list);
    expect(mergeById([], list)).toBe(list);
  });

  it('are sorted by it', () => {
    expect(idsOf(all('cab').sort(byId))).toBe('abc');
  });
});
