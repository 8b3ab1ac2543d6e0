import type { Route } from 'fairlead';
import { createMesh, staticResolver } from 'fairlead';
import { createGateway } from 'fairlead/gateway';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { describe, expect, it } from 'vitest';
import { type Backend, rawServer, refusingPort, saysWho } from '../http/support.js';
import { gatewayOver, RawClient } from './support.js';

interface Echo {
  readonly url: string;
  readonly host: string;
  readonly id: string;
  readonly body: string;
}

const echoOf = async (response: Response): Promise<Echo> => (await response.json()) as Echo;
const over = (backend: Backend, route: Partial<Route>) =>
  gatewayOver([backend.port], { routes: [{ service: 'users', ...route }] });
const last = (backend: Backend) => backend.requests.at(-1)!;

describe('the path that a service sees', () => {
  it.each([
    ['/users/*', '/v2', '/users/7?x=%41', '/v2/7?x=%41'],
    ['/users/*', '/', '/users/7/', '/7/'],
    ['/users/*', '/v2', '/users', '/v2'],
    ['/users/*', '/v2/', '/users/a%2fb//c', '/v2/a%2fb//c'],
    ['/{tenant}/users/{id}', '/t/{tenant}/{id}', "/a/users/b'%20", "/t/a/b'%20"],
    ['/{tenant}/*', '/t/{tenant}', '/x/y/z', '/t/x/y/z'],
    ['/*', '/base', '/a', '/base/a'],
  ])('of %s rewritten to %s, for %s is %s', async (path, rewrite, asked, seen) => {
    await using backend = await saysWho('a');
    await using running = await over(backend, { match: { path }, rewrite: { path: rewrite } });
    using client = await RawClient.to(running.port);
    await client.send(`GET ${asked} HTTP/1.1\r\nHost: h\r\n\r\n`).response();
    expect(last(backend).url).toBe(seen);
  });

  it('comes with another host where the route says so', async () => {
    await using backend = await saysWho('a');
    await using running = await over(backend, { rewrite: { host: 'inner.example' } });
    const { host } = await echoOf(await fetch(running.url));
    expect([host, last(backend).headers['x-forwarded-host']]).toEqual(['inner.example', `127.0.0.1:${running.port}`]);
  });
});

describe('headers that a route edits', () => {
  it('are removed, set and added, on both ways', async () => {
    await using backend = await saysWho('a');
    await using running = await over(backend, {
      requestHeaders: { remove: ['X-Secret'], set: { 'x-user': 'gateway' }, add: { 'x-list': 'b' } },
      responseHeaders: { remove: ['x-backend'], set: { 'content-type': 'text/x' }, add: { 'x-more': '1' } },
    });
    const headers = { 'x-secret': '1', 'x-user': 'client', 'x-list': 'a' };
    const response = await fetch(running.url, { headers });
    expect(last(backend).headers).toMatchObject({ 'x-user': 'gateway', 'x-list': 'a, b' });
    expect(last(backend).headers).not.toHaveProperty('x-secret');
    expect(Object.fromEntries(response.headers)).toMatchObject({ 'content-type': 'text/x', 'x-more': '1' });
    expect(response.headers.has('x-backend')).toBe(false);
  });

  it.each(['Content-Length', 'transfer-encoding', 'Host', 'connection'])('are not %s', async (name) => {
    await using mesh = createMesh();
    const routes = [{ service: 'users', requestHeaders: { set: { [name]: '1' } } }];
    expect(() => createGateway(mesh, { routes })).toThrow(/routes\[0\]\.requestHeaders/);
  });
});

describe('a route without a service', () => {
  it.each<[Partial<Route['redirect']> & object, string]>([
    [{}, 'http://h:81/a/b?c=d'],
    [{ scheme: 'https' }, 'https://h/a/b?c=d'],
    [{ host: 'other', status: 301 }, 'http://other/a/b?c=d'],
    [{ port: 8443, scheme: 'https' }, 'https://h:8443/a/b?c=d'],
    [{ port: 80 }, 'http://h/a/b?c=d'],
    [{ path: '/x' }, 'http://h:81/x/b?c=d'],
  ])('redirects by %j to %s', async (redirect, location) => {
    await using running = await gatewayOver([], { routes: [{ match: { path: '/a/*' }, redirect }] });
    using client = await RawClient.to(running.port);
    const { status, head } = await client.send('GET /a/b?c=d HTTP/1.1\r\nHost: h:81\r\n\r\n').response();
    expect([status, /location: (.*)/i.exec(head)![1]]).toEqual([redirect.status ?? 302, location]);
  });

  it('answers at once', async () => {
    const response = { status: 200, headers: { 'content-type': 'text/plain' }, body: 'User-agent: *\n' };
    const routes = [{ match: { path: '/robots.txt' }, response }];
    await using running = await gatewayOver([], { routes });
    const got = await fetch(`${running.url}/robots.txt`);
    expect([got.status, await got.text(), got.headers.get('content-type')]).toEqual([
      200,
      'User-agent: *\n',
      'text/plain',
    ]);
    const head = await fetch(`${running.url}/robots.txt`, { method: 'HEAD' });
    expect([head.headers.get('content-length'), await head.text()]).toEqual(['14', '']);
  });

  it('is one of service, redirect and response', async () => {
    await using mesh = createMesh();
    for (const route of [{}, { service: 'a', redirect: {} }, { redirect: {}, response: { status: 200 } }])
      expect(() => createGateway(mesh, { routes: [route] as never })).toThrow(/routes\[0\].*one of them/);
  });
});

describe('a route with cors', () => {
  const cors = { origins: ['https://app.example'], methods: ['PUT'], credentials: true, maxAgeS: 60, expose: ['x-a'] };
  const route: Partial<Route> = { match: { method: 'PUT' }, cors };
  const origin = 'https://app.example';

  it('answers preflights itself', async () => {
    await using backend = await saysWho('a');
    await using running = await over(backend, route);
    const headers = { origin, 'access-control-request-method': 'PUT', 'access-control-request-headers': 'x-b' };
    const response = await fetch(running.url, { method: 'OPTIONS', headers });
    expect(response.status).toBe(204);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-allow-methods': 'PUT',
      'access-control-allow-headers': 'x-b',
      'access-control-allow-credentials': 'true',
      'access-control-max-age': '60',
      vary: 'Origin',
    });
    expect(backend.requests).toEqual([]);
  });

  it('says to responses who may read them, in place of the service', async () => {
    await using backend = await saysWho('a');
    await using running = await over(backend, { ...route, responseHeaders: {} });
    const response = await fetch(running.url, { method: 'PUT', headers: { origin } });
    expect(response.headers.get('access-control-allow-origin')).toBe(origin);
    expect(response.headers.get('access-control-expose-headers')).toBe('x-a');
    const other = await fetch(running.url, { method: 'PUT', headers: { origin: 'https://evil.example' } });
    expect([other.headers.get('access-control-allow-origin'), other.headers.get('vary')]).toEqual([null, 'Origin']);
  });

  it('allows no cookies to everybody', async () => {
    await using mesh = createMesh();
    const routes = [{ service: 'users', cors: { origins: ['*'], credentials: true } }];
    expect(() => createGateway(mesh, { routes })).toThrow(/cors\.credentials/);
  });
});

describe('the endpoints of a route', () => {
  it('are those of its subset, by its policy and key', async () => {
    await using a = await saysWho('a');
    await using b = await saysWho('b');
    await using c = await saysWho('c');
    const at = (backend: Backend, version: string, tags: string[] = []) => ({
      id: backend.id,
      host: '127.0.0.1',
      port: backend.port,
      tags,
      meta: { version },
    });
    const resolver = staticResolver({ users: [at(a, '1'), at(b, '2'), at(c, '2', ['big'])] });
    await using mesh = createMesh({ resolver });
    const gateway = createGateway(mesh, {
      routes: [
        { match: { path: '/v2/*' }, service: 'users', subset: { version: '2' }, policy: 'round_robin' },
        { match: { path: '/big' }, service: 'users', subset: { tags: ['big'] } },
        { match: { path: '/none' }, service: 'users', subset: { meta: { version: '3' } } },
        {
          match: { path: '/sticky' },
          service: 'users',
          policy: 'consistent_hash',
          key: [{ header: 'X-User' }, { query: 'u' }],
        },
      ],
    });
    const url = `http://127.0.0.1:${await gateway.listen(0, '127.0.0.1')}`;
    const ask = async (path: string, headers: Record<string, string> = {}): Promise<string> =>
      (await echoOf(await fetch(url + path, { headers }))).id;
    expect(new Set([await ask('/v2/a'), await ask('/v2/b'), await ask('/v2/c')])).toEqual(new Set(['b', 'c']));
    expect(await ask('/big')).toBe('c');
    expect((await fetch(`${url}/none`)).status).toBe(503);
    for (const user of ['ann', 'bob', 'cleo']) {
      const first = await ask('/sticky', { 'x-user': user });
      expect(await ask('/sticky', { 'x-user': user })).toBe(first);
      expect(await ask(`/sticky?u=${user}`)).toBe(first);
    }
    await gateway.close({ deadlineMs: 0 });
  });
});

describe('a route with endpoints of its own', () => {
  it.each<[string, Partial<Route>]>([
    ['subset', { subset: { meta: { kind: 'slow' } } }],
    ['policy', { policy: 'round_robin' }],
  ])('keeps the deadline and the hedging of the service: by its %s', async (_, own) => {
    const silent = await rawServer(() => {});
    const at = (id: string, port: number) => ({ id, host: '127.0.0.1', port, meta: { kind: 'slow' } });
    await using quick = await saysWho('quick');
    const endpoints = [at('silent', silent.port), at('quick', quick.port)];
    await using mesh = createMesh({
      resolver: staticResolver({ hedged: endpoints, late: [endpoints[0]!] }),
      services: {
        hedged: { resilience: { hedge: { afterMs: 20 } }, health: [] },
        late: { resilience: { deadlineMs: 50 }, health: [] },
      },
    });
    const gateway = createGateway(mesh, {
      routes: [
        { match: { path: '/hedged' }, service: 'hedged', ...own },
        { match: { path: '/late' }, service: 'late', ...own },
      ],
    });
    const url = `http://127.0.0.1:${await gateway.listen(0, '127.0.0.1')}`;
    for (let i = 0; i < 4; i++) expect((await echoOf(await fetch(`${url}/hedged`))).id).toBe('quick');
    expect(mesh.service('hedged').callStats.hedges).toBeGreaterThan(0);
    expect((await fetch(`${url}/late`)).status).toBe(504);
    for (const name of ['hedged', 'late'])
      expect(mesh.service(name).endpoints.map(({ inflight }) => inflight)).toEqual(
        mesh.service(name).endpoints.map(() => 0),
      );
    await gateway.close({ deadlineMs: 0 });
    silent.close();
  });
});

describe('repeats of a route', () => {
  it('follow its statuses, attempts and idempotency', async () => {
    let asked = 0;
    const busy = await rawServer((socket) => {
      asked++;
      socket.write('HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n');
    });
    await using running = await gatewayOver([busy.port, busy.port], {
      routes: [
        { match: { path: '/no' }, service: 'users' },
        {
          match: { path: '/two' },
          service: 'users',
          retries: { statuses: [503], maxAttempts: 2, idempotencyKey: true },
        },
      ],
    });
    const attempts = async (path: string, init?: RequestInit): Promise<number> => {
      asked = 0;
      expect((await fetch(running.url + path, init)).status).toBe(503);
      return asked;
    };
    expect(await attempts('/no')).toBe(1);
    expect(await attempts('/two')).toBe(2);
    expect(await attempts('/two', { method: 'POST' })).toBe(1);
    expect(await attempts('/two', { method: 'POST', headers: { 'idempotency-key': 'k' } })).toBe(2);
    busy.close();
  });
});

describe('limits of a route', () => {
  it('end what takes too long with 504', async () => {
    const silent = await rawServer(() => {});
    await using running = await gatewayOver([silent.port], {
      routes: [{ service: 'users', timeouts: { responseMs: 50 } }],
    });
    expect((await fetch(running.url)).status).toBe(504);
    silent.close();
  });

  it('answer 413 to a body that is too long, announced or not', async () => {
    await using backend = await saysWho('a');
    await using running = await over(backend, { maxBodyBytes: 10 });
    expect((await fetch(running.url, { method: 'POST', body: '0123456789' })).status).toBe(200);
    expect((await fetch(running.url, { method: 'POST', body: '01234567890' })).status).toBe(413);
    using client = await RawClient.to(running.port);
    client.send('POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n8\r\n12345678\r\n');
    const { status, head } = await client.response();
    expect([status, /connection: close/i.test(head)]).toEqual([413, true]);
    expect(backend.requests.map(({ body }) => body)).toEqual(['0123456789']);
  });

  it('answer 503 where too many are in progress', async () => {
    const silent = await rawServer(() => {});
    await using running = await gatewayOver([silent.port], { routes: [{ service: 'users', maxInflight: 1 }] });
    using client = await RawClient.to(running.port);
    client.send('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
    while (silent.heads.length === 0) await new Promise(setImmediate);
    const second = await fetch(running.url);
    expect([second.status, second.headers.get('retry-after')]).toEqual([503, '1']);
    silent.close();
  });

  it('answer 429 to a client that asks too often, with the standard headers', async () => {
    await using backend = await saysWho('a');
    const rateLimit = { requests: 2, by: { header: 'x-key' } };
    await using running = await over(backend, { name: 'api', rateLimit });
    const ask = (key: string) => fetch(running.url, { headers: { 'x-key': key } });
    const first = await ask('a');
    expect(first.headers.get('ratelimit-policy')).toBe('"api";q=2;w=60');
    expect(first.headers.get('ratelimit')).toMatch(/^"api";r=1;t=(60|59)$/);
    expect((await ask('a')).status).toBe(200);
    const third = await ask('a');
    expect(third.status).toBe(429);
    expect(Number(third.headers.get('retry-after'))).toBeGreaterThan(50);
    expect((await ask('b')).status).toBe(200);
    // The count outlives a change of routes that does not touch it.
    running.gateway.setRoutes([
      { name: 'api', service: 'users', rateLimit },
      { match: { path: '/x' }, service: 'users' },
    ]);
    expect((await ask('a')).status).toBe(429);
  });

  it('are counted by a limiter of rate-limiter-flexible where one is named, and given up where it fails', async () => {
    await using backend = await saysWho('a');
    const failing = { consume: () => Promise.reject(new Error('the store is down')) };
    const rateLimiters = { shared: new RateLimiterMemory({ points: 1, duration: 60 }), failing };
    await using running = await gatewayOver([backend.port], {
      rateLimiters,
      routes: [
        { match: { path: '/a' }, service: 'users', rateLimit: { requests: 1, store: 'shared' } },
        { match: { path: '/b' }, service: 'users', rateLimit: { requests: 1, store: 'failing', by: 'route' } },
      ],
    });
    expect((await fetch(`${running.url}/a`)).status).toBe(200);
    const second = await fetch(`${running.url}/a`);
    expect([second.status, second.headers.get('ratelimit')]).toEqual([429, expect.stringMatching(/r=0;t=\d+$/)]);
    expect((await fetch(`${running.url}/b`)).status).toBe(200);
    expect((await fetch(`${running.url}/b`)).status).toBe(200);
    expect(() => running.gateway.setRoutes([{ service: 'users', rateLimit: { requests: 1, store: 'other' } }])).toThrow(
      /'other'/,
    );
  });
});

describe('a route with affinity', () => {
  const affinityKeys = [{ id: 'k1', secret: 'x'.repeat(32) }];

  it('keeps a client on its endpoint by a cookie that names no address', async () => {
    await using a = await saysWho('a');
    await using b = await saysWho('b');
    await using running = await gatewayOver(
      [a.port, b.port, await refusingPort()],
      { affinityKeys, routes: [{ service: 'users', affinity: {} }] },
      { policy: 'round_robin' },
    );
    const first = await fetch(running.url);
    const { id } = await echoOf(first);
    const set = first.headers.get('set-cookie')!;
    expect(set).toMatch(/^fairlead=[\w.-]+; Path=\/; Max-Age=86400; HttpOnly; SameSite=Lax$/);
    expect(Buffer.from(set.split('.')[3]!, 'base64url').toString()).not.toContain('e0');
    const cookie = `x=1; ${set.split(';')[0]}; y=2`;
    for (let i = 0; i < 4; i++) {
      const again = await fetch(running.url, { headers: { cookie } });
      expect([(await echoOf(again)).id, again.headers.get('set-cookie')]).toEqual([id, null]);
    }
    const served = id === 'a' ? a : b;
    expect(last(served).headers.cookie).toBe('x=1; y=2');
    const forged = await fetch(running.url, { headers: { cookie: `${set.split(';')[0]}x` } });
    expect([forged.status, forged.headers.get('set-cookie')]).toEqual([200, expect.stringMatching(/^fairlead=/)]);
  });

  it('needs keys', async () => {
    await using mesh = createMesh();
    expect(() => createGateway(mesh, { routes: [{ service: 'users', affinity: {} }] })).toThrow(/affinityKeys/);
    expect(() => createGateway(mesh, { routes: [], affinityKeys: [{ id: 'a', secret: 'short' }] })).toThrow(
      /affinityKeys/,
    );
  });
});
