import type { EndpointSpec } from 'fairlead';
import { routeCalls } from 'fairlead/routing';
import { describe, expect, it } from 'vitest';
import { listOf, readCors, texts } from '../../src/routing/read-parts.js';
import { isOf } from '../../src/routing/subset.js';
import { endpoints, testMesh } from '../support/mesh.js';

describe('a subset', () => {
  const spec = { tags: ['eu', 'fast'], meta: { version: '2', ring: 'inner', zone: 'a' } } as unknown as EndpointSpec;

  it.each<[Parameters<typeof isOf>[0], boolean]>([
    [{}, true],
    [{ version: '2' }, true],
    [{ version: '1' }, false],
    [{ tags: [] }, true],
    [{ tags: ['eu'] }, true],
    [{ tags: ['fast', 'eu'] }, true],
    [{ tags: ['eu', 'slow'] }, false],
    [{ meta: {} }, true],
    [{ meta: { ring: 'inner', zone: 'a' } }, true],
    [{ meta: { ring: 'inner', zone: 'b' } }, false],
    [{ meta: { none: 'x' } }, false],
    [{ version: '2', tags: ['eu'], meta: { ring: 'inner' } }, true],
    [{ version: '2', tags: ['eu'], meta: { ring: 'outer' } }, false],
  ])('%j has an endpoint of it: %s', (subset, isIn) => {
    expect(isOf(subset, spec)).toBe(isIn);
  });

  it('of no version has those without one', () => {
    const bare = { tags: [], meta: {} } as unknown as EndpointSpec;
    expect([isOf({}, bare), isOf({ version: '1' }, bare)]).toEqual([true, false]);
  });
});

describe('a list of a route', () => {
  it('has each of its values read by name, and so many at least', () => {
    const read = listOf(texts, 'some texts', 2);
    expect(read(['a', ''], 'it')).toEqual(['a', '']);
    expect(() => read(['a', 7], 'it')).toThrow(/^it\[1\] is 7: allowed is a string/);
    for (const value of [[], ['a'], 'ab', { length: 2 }, undefined]) {
      expect(() => read(value, 'it')).toThrow(/^it is .*: allowed is some texts/);
    }
    expect(listOf(texts, 'some texts')([], 'it')).toEqual([]);
    expect(read.about).toMatchObject({ shape: { type: 'list', items: texts, min: 2 } });
  });
});

describe('what other origins may do', () => {
  it('is what the usual methods may, ten minutes long, without credentials', () => {
    expect(readCors({ origins: ['https://app.example'] }, 'cors')).toEqual({
      origins: ['https://app.example'],
      methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
      ...{ headers: undefined, expose: undefined, credentials: false, maxAgeS: 600 },
    });
    expect(readCors({ origins: ['*'], methods: ['GET'] }, 'cors')).toMatchObject({ methods: ['GET'] });
    expect(readCors({ origins: ['http://a:1', 'app://b'], credentials: true }, 'cors')).toMatchObject({
      credentials: true,
    });
    expect(readCors(undefined, 'cors')).toBeUndefined();
  });

  it.each<[object, RegExp]>([
    [{}, /cors\.origins is undefined: allowed is one or more origins/],
    [{ origins: [] }, /cors\.origins is an array: allowed is one or more origins/],
    [{ origins: ['app.example'] }, /cors\.origins\[0\] is "app\.example": allowed is an origin such as/],
    [{ origins: ['https://app.example/'] }, /cors\.origins\[0\]/],
    [{ origins: ['*'], credentials: true }, /^cors\.credentials is true: allowed is false where the origins are '\*'/],
    [{ origins: ['https://a', '*'], credentials: true }, /^cors\.credentials is true/],
    [{ origins: ['*'], methods: ['G T'] }, /cors\.methods/],
  ])('is refused where it is %j', (options, message) => {
    expect(() => readCors(options, 'cors')).toThrow(message);
  });
});

describe('the arms of a split', () => {
  const refused = (split: unknown): (() => unknown) => {
    const { mesh } = testMesh({ users: endpoints(1) });
    return () => routeCalls(mesh.service('users'), { split: split as never });
  };
  const many = (count: number): object =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`v${i}`, { share: 0, version: `${i}` }]));

  it.each<[arms: unknown, message: RegExp]>([
    [undefined, /split\.arms is undefined: allowed is an object of 1 to \d+ arms by name/],
    [[], /arms is an array: allowed is an object of 1 to/],
    [{}, /arms is an object: allowed is an object of 1 to/],
    [many(101), /arms is an object: allowed is an object of 1 to/],
    [{ 'a b': { share: 1, version: '1' } }, /the name of an arm in .*arms is "a b": allowed is 1 to 64 letters/],
    [{ v2: { version: '2' } }, /arms\.v2\.share is undefined: allowed is a number from 0 to 100/],
    [{ v2: { share: 0.001, version: '2' } }, /arms\.v2\.share is 0\.001: allowed is at least 0\.01, or 0/],
    [{ v2: { share: 101, version: '2' } }, /arms\.v2\.share is 101/],
    [{ v2: { share: 60, version: '2' }, v3: { share: 50, version: '3' } }, /the shares of .* together is 110: allowed/],
    [{ v2: null }, /arms\.v2/],
  ])('are refused where they are %j', (arms, message) => {
    expect(refused({ name: 'users', arms })).toThrow(message);
  });

  it('share a hundred, and may each have none', () => {
    expect(refused({ name: 'users', arms: { ...many(8), v8: { share: 100, version: '8' } } })).not.toThrow();
  });
});
