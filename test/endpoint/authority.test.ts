import { describe, expect, it } from 'vitest';
import { ownName, readAuthority } from '../../src/endpoint/authority.js';
import type { EndpointSpec } from '../../src/endpoint/endpoint.js';

const endpoint = { id: 'a', meta: { cert: 'a.internal', bad: 'a b', empty: '' } } as unknown as EndpointSpec;

describe('by what name servers are called', () => {
  it('is a name, a key of their meta, a function, or nothing', () => {
    const name = () => 'x';
    expect(readAuthority(undefined, 'authority')).toBeUndefined();
    expect(readAuthority('users.internal', 'authority')).toBe('users.internal');
    expect(readAuthority({ meta: 'cert' }, 'authority')).toEqual({ meta: 'cert' });
    expect(readAuthority(name, 'authority')).toBe(name);
  });

  it.each([
    ['an empty name', ''],
    ['null', null],
    ['a number', 1],
    ['an object without the key', {}],
    ['an empty key', { meta: '' }],
    ['a key that is no text', { meta: 1 }],
    ['a key and more', { meta: 'cert', port: 1 }],
  ])('is not %s', (_, value) => {
    expect(() => readAuthority(value, 'grpc.authority')).toThrow(
      expect.objectContaining({
        code: 'FAIRLEAD_INVALID_OPTION',
        message: expect.stringMatching(/grpc\.authority.*a name, \{ meta: .* \}, or a function of the endpoint/),
      }),
    );
  });

  it('is the endpoint’s own where its meta or a function says one', () => {
    expect(ownName({ meta: 'cert' }, endpoint)).toBe('a.internal');
    expect(ownName((of) => `${of.id}.example:8443`, endpoint)).toBe('a.example:8443');
  });

  it.each(['a', 'a-b_c~d.e', 'a:1', 'a:65535', 'bücher.example'])('may be %s', (name) => {
    expect(ownName(() => name, endpoint)).toBe(name);
  });

  it.each(['', 'a b', 'a/b', 'a:', 'a:123456', 'a:b', 'user@a', 'a\n', ' a', 'a:1 '])('is never %j', (name) => {
    expect(ownName(() => name, endpoint)).toBeUndefined();
  });

  it('is that of all where the endpoint says none, or its function fails', () => {
    expect(ownName(undefined, endpoint)).toBeUndefined();
    expect(ownName('users.internal', endpoint)).toBeUndefined();
    expect(ownName({ meta: 'absent' }, endpoint)).toBeUndefined();
    expect(ownName({ meta: 'bad' }, endpoint)).toBeUndefined();
    expect(ownName({ meta: 'empty' }, endpoint)).toBeUndefined();
    expect(ownName(() => undefined, endpoint)).toBeUndefined();
    expect(ownName(() => 5 as never, endpoint)).toBeUndefined();
    const fails = () => {
      throw new Error('no certificate');
    };
    expect(ownName(fails, endpoint)).toBeUndefined();
  });
});
