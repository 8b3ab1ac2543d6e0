import { describe, expect, it } from 'vitest';
import { tcpRoutes } from '../../../../adapters/tcp/proxy/routes.js';

const serviceOf = (routes: readonly object[], serverName: string | undefined, alpn: readonly string[] = []) =>
  tcpRoutes(routes, 'routes').serviceOf({ serverName, alpn });

describe('routes of TLS connections', () => {
  const routes = [
    { serverName: '*.example.com', service: 'wide' },
    { serverName: '*.eu.example.com', service: 'europe' },
    { serverName: 'API.example.com', service: 'api' },
    { serverName: 'api.example.com', alpn: 'h2', service: 'api-h2' },
    { serverName: 'api.example.com', alpn: ['acme-tls/1', 'x'], service: 'acme' },
    { alpn: 'postgresql', service: 'database' },
  ];

  it.each([
    ['the exact name before any wildcard', 'api.example.com', [], 'api'],
    ['the longest wildcard', 'a.eu.example.com', [], 'europe'],
    ['a wildcard at any depth', 'a.b.c.example.com', [], 'wide'],
    ['a wildcard for names below it, not for itself', 'example.com', [], undefined],
    ['no wildcard for a name that only ends alike', 'notexample.com', [], undefined],
    ['what asks for a protocol before what does not', 'api.example.com', ['http/1.1', 'h2'], 'api-h2'],
    ['one of several protocols', 'api.example.com', ['x'], 'acme'],
    ['a protocol alone, where no name fits', 'db.test', ['postgresql'], 'database'],
    ['a name before a protocol alone', 'a.example.com', ['postgresql'], 'wide'],
    ['a protocol without a name', undefined, ['postgresql'], 'database'],
    ['nothing for no name', undefined, [], undefined],
  ] as const)('take %s', (_, name, alpn, service) => {
    expect(serviceOf(routes, name, alpn)).toBe(service);
  });

  it('go by their order where they say the same', () => {
    const twice = [
      { serverName: 'a.test', alpn: 'h2', service: 'one' },
      { serverName: 'a.test', alpn: 'h2', service: 'two' },
    ];
    expect(serviceOf(twice, 'a.test', ['h2'])).toBe('one');
  });

  it.each([
    [3, /routes is 3/],
    [[{ service: 'a' }], /routes\[0\] is .*serverName, alpn or both/],
    [[{ serverName: 'a.test' }], /routes\[0\]\.service/],
    [[{ serverName: 'a b', service: 'a' }], /routes\[0\]\.serverName/],
    [[{ serverName: '*', service: 'a' }], /routes\[0\]\.serverName/],
    [[{ serverName: 'a.*.test', service: 'a' }], /routes\[0\]\.serverName/],
    [[{ alpn: [], service: 'a' }], /routes\[0\]\.alpn/],
    [[{ alpn: [''], service: 'a' }], /routes\[0\]\.alpn/],
    [[{ sni: 'a', service: 'a' }], /routes\[0\]\.sni is not an option/],
  ])('are refused where they are wrong: %j', (given, message) => {
    expect(() => tcpRoutes(given, 'routes')).toThrow(message);
  });
});
