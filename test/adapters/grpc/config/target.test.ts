import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseTarget, shieldFromProxy } from '../../../../adapters/grpc/config/target.js';

/** As grpc-js takes a target apart (its URI_REGEX). */
function uri(target: string): { scheme: string; authority: string | undefined; path: string } {
  const [, scheme, authority, path] = /^(?:([A-Za-z0-9+.-]+):)?(?:\/\/([^/]*)\/)?(.+)$/.exec(target)!;
  return { scheme: scheme!, authority, path: path! };
}
const options = (query: string): unknown =>
  structuredClone({ ...parseTarget(uri(`fairlead:///users?${query}`)).options });

describe('a gRPC target', () => {
  it('names a service, percent-decoded', () => {
    expect(parseTarget(uri('fairlead:///users')).service).toBe('users');
    expect(parseTarget(uri('fairlead:users')).service).toBe('users');
    expect(parseTarget(uri('fairlead:///a%2Fb%20c')).service).toBe('a/b c');
    expect(parseTarget(uri('fairlead:///100%')).service).toBe('100%');
  });

  it('has options whose values are JSON where they look like it', () => {
    expect(options('a=true&b=0.5&c=text&d="7"&e=')).toEqual({ a: true, b: 0.5, c: 'text', d: '7', e: '' });
  });

  it('has options one level deep', () => {
    expect(options('affinity=true&affinity.ttlMs=5')).toEqual({ affinity: { ttlMs: 5 } });
    expect(options('affinity.ttlMs=5&affinity=true&affinity.capacity=1')).toEqual({
      affinity: { ttlMs: 5, capacity: 1 },
    });
    expect(() => options('a.b.c=1')).toThrow(/"a\.b\.c": options are one level deep/);
  });

  it('gives a policy its options', () => {
    expect(options('policy=peak_ewma&policy.decayMs=5&policy.choices=3')).toEqual({
      policy: { peak_ewma: { decayMs: 5, choices: 3 } },
    });
    expect(() => options('policy.decayMs=5')).toThrow(/name the policy first/);
  });

  it('says nothing twice and nothing that contradicts itself', () => {
    expect(() => options('a=1&a=2')).toThrow(/says "a" twice/);
    expect(() => options('a.x=1&a.x=2')).toThrow(/says "a\.x" twice/);
    expect(() => options('affinity=false&affinity.ttlMs=1')).toThrow(/"affinity=false" and "affinity\.ttlMs"/);
  });

  it('without a service is refused with a hint', () => {
    for (const target of ['fairlead://users', 'fairlead:///?policy=random', 'fairlead://host:80/users']) {
      expect(() => parseTarget(uri(target))).toThrow(/with three slashes/);
    }
  });

  it('reaches no prototype', () => {
    fc.assert(
      fc.property(fc.constantFrom('__proto__', 'constructor', 'policy'), fc.string(), (name, value) => {
        try {
          parseTarget(uri(`fairlead:///x?${name}=${encodeURIComponent(value)}&${name}.polluted=1`));
        } catch {
          // Refused is fine as well.
        }
        expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
      }),
    );
  });
});

describe('shieldFromProxy', () => {
  it('changes a target only where the environment has a proxy, and once', () => {
    const target = uri('fairlead:///users?filter=a]b');
    shieldFromProxy(target, {});
    expect(target.path).toBe('users?filter=a]b');
    shieldFromProxy(target, { https_proxy: 'http://proxy' });
    shieldFromProxy(target, { https_proxy: 'http://proxy' });
    expect(target.path).toBe('[users?filter=a%5Db');
    expect(parseTarget(target)).toEqual({ service: 'users', options: { filter: 'a]b' } });
  });
});
