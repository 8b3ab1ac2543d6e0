import type { Route } from 'fairlead';
import { describe, expect, it } from 'vitest';
import { Http2Client, Http2Origin } from './http2-support.js';
import { gatewayOver } from './support.js';

/**
 * Two servers of HTTP/2 that say who they are; what a route says is held for both sides at once.
 */
async function world(route: Partial<Route>) {
  const servers = await Promise.all(
    ['a', 'b'].map((id) =>
      Http2Origin.of((stream) => {
        stream.respond({ ':status': 200, 'x-backend': '1', 'content-type': 'text/plain' });
        stream.end(id);
      }),
    ),
  );
  const running = await gatewayOver(
    servers.map(({ port }) => port),
    {
      affinityKeys: [{ id: 'k1', secret: 'x'.repeat(32) }],
      upstreams: { users: { protocol: 'h2' } },
      routes: [{ name: 'api', service: 'users', ...route }],
    },
    { policy: 'round_robin' },
  );
  const client = new Http2Client(running.url);
  return {
    ask: (headers: object = {}, body?: string) => client.ask(headers as never, body),
    seen: () => servers.flatMap(({ requests }) => requests),
    [Symbol.asyncDispose]: async () => {
      await client[Symbol.asyncDispose]();
      await running[Symbol.asyncDispose]();
      await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
    },
  };
}

describe('over HTTP/2 on both sides, a route', () => {
  it('rewrites path and host', async () => {
    await using over = await world({ match: { path: '/users/*' }, rewrite: { path: '/v2', host: 'inner.example' } });
    expect((await over.ask({ ':path': '/users/7?x=%41', ':authority': 'outer.example' })).status).toBe(200);
    expect(over.seen()[0]).toMatchObject({
      ':path': '/v2/7?x=%41',
      ':authority': 'inner.example',
      'x-forwarded-host': 'outer.example',
    });
  });

  it('edits headers on both ways', async () => {
    await using over = await world({
      requestHeaders: { remove: ['X-Secret'], set: { 'x-user': 'gateway' }, add: { 'x-list': 'b' } },
      responseHeaders: { remove: ['x-backend'], set: { 'content-type': 'text/x' }, add: { 'x-more': '1' } },
    });
    const { headers } = await over.ask({ 'x-secret': '1', 'x-user': 'client', 'x-list': 'a' });
    expect(over.seen()[0]).toMatchObject({ 'x-user': 'gateway', 'x-list': 'a, b' });
    expect(over.seen()[0]).not.toHaveProperty('x-secret');
    expect(headers).toMatchObject({ 'content-type': 'text/x', 'x-more': '1' });
    expect(headers).not.toHaveProperty('x-backend');
  });

  it('keeps a client on its endpoint by a cookie, which its service does not see', async () => {
    await using over = await world({ affinity: {} });
    const first = await over.ask();
    const [set] = first.headers['set-cookie'] ?? [];
    expect(set).toMatch(/^fairlead=[\w.-]+; Path=\/; Max-Age=86400; HttpOnly; SameSite=Lax$/);
    for (let i = 0; i < 4; i++) {
      // As browsers send them: a field for each.
      const again = await over.ask({ cookie: ['x=1', set!.split(';')[0]!, 'y=2'] });
      expect([again.body, again.headers['set-cookie']]).toEqual([first.body, undefined]);
    }
    expect(over.seen().at(-1)!.cookie).toBe('x=1; y=2');
  });

  it('answers preflights, and says who may read', async () => {
    const origin = 'https://app.example';
    await using over = await world({
      match: { method: 'PUT' },
      cors: { origins: [origin], methods: ['PUT'], credentials: true },
    });
    const preflight = await over.ask({ ':method': 'OPTIONS', origin, 'access-control-request-method': 'PUT' });
    expect(preflight.status).toBe(204);
    expect(preflight.headers).toMatchObject({ 'access-control-allow-origin': origin, vary: 'Origin' });
    expect(over.seen()).toEqual([]);
    const put = await over.ask({ ':method': 'PUT', origin }, 'body');
    expect(put.headers['access-control-allow-origin']).toBe(origin);
  });

  it('redirects and answers without a service', async () => {
    await using over = await world({ service: undefined, redirect: { path: '/x', status: 308 } } as never);
    const redirected = await over.ask({ ':path': '/a?b=c', ':authority': 'h.example' });
    expect([redirected.status, redirected.headers.location]).toEqual([
      308,
      expect.stringMatching(/^http:\/\/h\.example\/x.*\?b=c$/),
    ]);
    expect(over.seen()).toEqual([]);
  });

  it('limits requests of a client, with the standard headers', async () => {
    await using over = await world({ rateLimit: { requests: 1, by: { header: 'x-key' } } });
    expect((await over.ask({ 'x-key': 'a' })).status).toBe(200);
    const refused = await over.ask({ 'x-key': 'a' });
    expect(refused.status).toBe(429);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(50);
    expect((await over.ask({ 'x-key': 'b' })).status).toBe(200);
    expect(over.seen()).toHaveLength(2);
  });

  it('refuses bodies that are too long, announced or not', async () => {
    await using over = await world({ maxBodyBytes: 10 });
    const announced = await over.ask({ ':method': 'POST', 'content-length': '11' }, 'x'.repeat(11));
    const streamed = await over.ask({ ':method': 'POST' }, 'x'.repeat(11));
    expect([announced.status, streamed.status]).toEqual([413, 413]);
    expect((await over.ask({ ':method': 'POST' }, 'x'.repeat(10))).status).toBe(200);
  });
});
