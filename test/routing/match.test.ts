import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { normalHost } from '../../src/routing/host-name.js';
import { RouteTable } from '../../src/routing/match.js';
import { readRoutes } from '../../src/routing/read-routes.js';
import type { Route, RouteMatch } from '../../src/routing/route.js';
import { readTarget } from '../../src/routing/target.js';

const tableOf = (matches: readonly (RouteMatch | readonly RouteMatch[])[]): RouteTable<number> => {
  const routes = matches.map((match): Route => ({ match, service: 'users' }));
  return new RouteTable(readRoutes(routes, 'routes').map(({ matches: read }, i) => [i, read]));
};

/** `GET users.example/a?b=c`, and headers. */
function find(table: RouteTable<number>, text: string, headers: Record<string, string> = {}) {
  const [, method, host, target] = /^(\w+) ([^/]*)(.*)$/.exec(text)!;
  const request = { method: method!, header: (name: string) => headers[name] };
  return {
    value: table.find(normalHost(host!), readTarget(target!)!, request)?.value,
    allow: [...table.methodsFor(normalHost(host!), readTarget(target!)!, request)],
  };
}

const firstOf = (matches: readonly RouteMatch[], text: string, headers?: Record<string, string>) =>
  find(tableOf(matches), text, headers).value;

describe('the path of a route', () => {
  it.each([
    ['/users', '/users', true],
    ['/users', '/users/', false],
    ['/users', '/users/7', false],
    ['/users/', '/users/', true],
    ['/users/', '/users', false],
    ['/', '/', true],
    ['/', '/users', false],
    ['/*', '/', true],
    ['/*', '/users', true],
    ['/users/*', '/users', true],
    ['/users/*', '/users/', true],
    ['/users/*', '/users/7/8', true],
    ['/users/*', '/usersx', false],
    ['/users/{id}', '/users/7', true],
    ['/users/{id}', '/users/', false],
    ['/users/{id}', '/users', false],
    ['/users/{id}', '/users/7/8', false],
    ['/users/{id}/*', '/users/7/8/9', true],
    ['/users/{id}/posts', '/users/7/posts', true],
    ['/users', '/%75sers', true],
    ['/a%2fb', '/a%2Fb', true],
    ['/a/b', '/a%2Fb', false],
    ['/a/b', '//a///b', true],
    ['/Users', '/users', false],
  ])('%s and %s: %s', (path, asked, expected) => {
    expect(firstOf([{ path }], `GET x${asked}`)).toBe(expected ? 0 : undefined);
  });

  it.each(['users', '/a?b', '/a#b', '/../a', '/a/./b', '/{a}/{a}', '/a*', '/x{a}', '/*/a', 7])('is not %s', (path) => {
    expect(() => tableOf([{ path: path as string }])).toThrow(/routes\[0\]\.match\.path/);
  });
});

describe('the host of a route', () => {
  it.each([
    ['users.example', 'users.example', true],
    ['users.example', 'USERS.example:8080', true],
    ['users.example', 'users.example.', true],
    ['Users.Example', 'users.example', true],
    ['users.example', 'x.users.example', false],
    ['*.example', 'users.example', true],
    ['*.example', 'a.users.example', true],
    ['*.example', 'example', false],
    ['bücher.example', 'xn--bcher-kva.example', true],
    ['[::1]', '[::1]:80', true],
  ])('%s and %s: %s', (host, asked, expected) => {
    expect(firstOf([{ host }], `GET ${asked}/`)).toBe(expected ? 0 : undefined);
  });

  it.each(['', 'a/b', 'a:80', 'a b', '*.'])("is not '%s'", (host) => {
    expect(() => tableOf([{ host }])).toThrow(/routes\[0\]\.match\.host/);
  });
});

describe('headers and query of a route', () => {
  it.each<[RouteMatch, string, Record<string, string>, boolean]>([
    [{ headers: { 'X-Canary': 'yes' } }, '/', { 'x-canary': 'yes' }, true],
    [{ headers: { 'x-canary': 'yes' } }, '/', { 'x-canary': 'no' }, false],
    [{ headers: { 'x-canary': ['yes', 'always'] } }, '/', { 'x-canary': 'always' }, true],
    [{ headers: { 'x-canary': { prefix: 'al' } } }, '/', { 'x-canary': 'always' }, true],
    [{ headers: { 'x-canary': { prefix: 'al' } } }, '/', {}, false],
    [{ headers: { 'x-canary': { present: true } } }, '/', { 'x-canary': '' }, true],
    [{ headers: { 'x-canary': { present: false } } }, '/', {}, true],
    [{ headers: { 'x-canary': { present: false } } }, '/', { 'x-canary': '1' }, false],
    [{ query: { page: '2' } }, '/?page=2&page=3', {}, true],
    [{ query: { page: '3' } }, '/?page=2&page=3', {}, false],
    [{ query: { 'a b': 'ü' } }, '/?a+b=%C3%BC', {}, true],
    [{ headers: { a: '1' }, query: { b: '2' } }, '/?b=2', {}, false],
  ])('%j and %s', (match, asked, headers, expected) => {
    expect(firstOf([match], `GET x${asked}`, headers)).toBe(expected ? 0 : undefined);
  });

  it('are refused where they are none', () => {
    for (const headers of [3, { a: 3 }, { a: { regex: 'x' } }, { a: { present: 'yes' } }, { a: [] }, { 'a b': '1' }])
      expect(() => tableOf([{ headers: headers as never }])).toThrow(/routes\[0\]\.match\.headers/);
  });
});

describe('of several routes that match', () => {
  it.each<[string, RouteMatch[], string]>([
    ['a name comes before a wildcard', [{ host: '*.b' }, { host: 'a.b' }], 'GET a.b/'],
    ['a longer wildcard before a shorter one', [{ host: '*.c' }, { host: '*.b.c' }], 'GET a.b.c/'],
    ['a wildcard before any host', [{ path: '/x' }, { host: '*.b' }], 'GET a.b/x'],
    ['a host before a longer path', [{ path: '/a/b' }, { host: 'h', path: '/*' }], 'GET h/a/b'],
    ['a whole path before a prefix', [{ path: '/a/*' }, { path: '/a' }], 'GET h/a'],
    ['a longer prefix before a shorter one', [{ path: '/a/*' }, { path: '/a/b/*' }], 'GET h/a/b/c'],
    ['a name before braces', [{ path: '/{x}' }, { path: '/a' }], 'GET h/a'],
    ['braces before a prefix', [{ path: '/a/*' }, { path: '/a/{x}' }], 'GET h/a/b'],
    ['a method before headers', [{ headers: { a: '1' } }, { method: 'GET' }], 'GET h/'],
    ['more headers before fewer', [{ headers: { a: '1' } }, { headers: { a: '1', b: '2' } }], 'GET h/'],
    ['more parameters before fewer', [{ query: { q: '1' } }, { query: { q: '1', r: '2' } }], 'GET h/?q=1&r=2'],
    ['headers before parameters', [{ query: { q: '1', r: '2' } }, { headers: { a: '1' } }], 'GET h/?q=1&r=2'],
  ])('%s', (_, matches, asked) => {
    const headers = { a: '1', b: '2' };
    expect(firstOf(matches, asked, headers)).toBe(1);
    expect(firstOf([...matches].reverse(), asked, headers)).toBe(0);
  });

  it('the first does, among equals', () => {
    expect(firstOf([{ headers: { a: '1' } }, { headers: { b: '2' } }], 'GET h/', { a: '1', b: '2' })).toBe(0);
  });

  it('goes on where conditions of the more precise one do not hold', () => {
    const matches = [
      { host: 'h', path: '/a', headers: { a: '1' } },
      { host: 'h', path: '/*' },
      { path: '/a' },
      { path: '/{x}' },
    ];
    expect(firstOf(matches, 'GET h/a')).toBe(1);
    expect(firstOf(matches, 'GET other/a')).toBe(2);
    expect(firstOf(matches, 'GET other/b')).toBe(3);
  });

  it('one of its matches is enough', () => {
    const table = tableOf([[{ path: '/a' }, { host: 'h', method: 'POST' }]]);
    expect(find(table, 'GET x/a').value).toBe(0);
    expect(find(table, 'POST h/b').value).toBe(0);
    expect(find(table, 'GET h/b').value).toBeUndefined();
  });
});

describe('where only the method differs', () => {
  it('tells which methods would match', () => {
    const table = tableOf([
      { path: '/a', method: ['GET', 'HEAD'] },
      { path: '/*', method: 'PUT' },
      { path: '/a', method: 'DELETE', headers: { a: '1' } },
      { path: '/b', method: 'PATCH' },
    ]);
    expect(find(table, 'POST h/a')).toEqual({ value: undefined, allow: ['GET', 'HEAD', 'PUT'] });
    expect(find(table, 'POST h/a', { a: '1' }).allow.sort()).toEqual(['DELETE', 'GET', 'HEAD', 'PUT']);
  });
});

describe('the cost of a match', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it('is a look for each segment, among 10,000 routes as among 10', () => {
    const looks = (count: number): number => {
      const table = tableOf(Array.from({ length: count }, (_, i): RouteMatch => ({ path: `/v1/s${i}/items/*` })));
      const target = readTarget('/v1/s7/items/3/parts/4')!;
      const spy = vi.spyOn(Map.prototype, 'get');
      expect(table.find('h', target, { method: 'GET', header: () => undefined })?.value).toBe(7);
      const { length } = spy.mock.calls;
      spy.mockRestore();
      return length;
    };
    expect(looks(10_000)).toBe(looks(10));
    // For whole paths and for prefixes, and one for the host.
    expect(looks(10_000)).toBeLessThanOrEqual(2 * 6 + 1);
  });

  it('does not grow with segments that no route has', () => {
    const table = tableOf([{ path: '/a/*' }]);
    const spy = vi.spyOn(Map.prototype, 'get');
    table.find('h', readTarget(`/${'a/'.repeat(5_000)}`)!, { method: 'GET', header: () => undefined });
    const { length } = spy.mock.calls;
    spy.mockRestore();
    expect(length).toBeLessThan(10);
  });
});

describe('a table of routes', () => {
  it('finds what looking at every route in the order of precision finds', () => {
    const segment = fc.constantFrom('a', 'b', '{x}');
    const path = fc
      .tuple(fc.array(segment, { maxLength: 3 }), fc.boolean())
      .map(([names, prefix]) => `/${names.map((n, i) => (n === '{x}' ? `{x${i}}` : n)).join('/')}${prefix ? '/*' : ''}`)
      .map((text) => text.replace('//', '/'));
    const asked = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 4 });
    fc.assert(
      fc.property(fc.array(path, { maxLength: 8 }), asked, (paths, names) => {
        const table = tableOf(paths.map((each) => ({ path: each })));
        const found = find(table, `GET h/${names.join('/')}`).value;
        const matching = paths.filter((each) => {
          const open = each.endsWith('/*');
          const parts = each.replace(/\/\*$/, '').split('/').slice(1);
          const given = names.length === 0 ? [''] : names;
          if (open ? parts.length > given.length : parts.length !== given.length) return false;
          return parts.every((part, i) => part === given[i] || (part.startsWith('{') && given[i] !== ''));
        });
        const rank = (each: string): string => {
          const open = each.endsWith('/*');
          const parts = each.replace(/\/\*$/, '').split('/').slice(1);
          // Where paths part, a name comes before braces, and those before the end of a prefix.
          return `${open ? 1 : 0}${parts.map((part) => (part.startsWith('{') ? 1 : 0)).join('')}2`;
        };
        const best = [...matching].sort((a, b) => (rank(a) < rank(b) ? -1 : rank(a) > rank(b) ? 1 : 0))[0];
        expect(found).toBe(best === undefined ? undefined : paths.indexOf(best));
      }),
    );
  });
});
