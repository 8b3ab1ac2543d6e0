import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { Route } from 'fairlead';
import { createConfigStore } from 'fairlead/config';
import type { AccessEntry, FailedRequest } from 'fairlead/gateway';
import { prometheusMetrics } from 'fairlead/prometheus';
import { describe, expect, it } from 'vitest';
import { until } from '../harness/until.js';
import { Backend, refusingPort } from '../http/support.js';
import { Http2Client } from './http2-support.js';
import { figuresOf, gatewayOver } from './support.js';

const SORRY = { status: 200, headers: { 'cache-control': 'no-store' }, body: 'the list of yesterday' } as const;
const route = (fallback: Route['fallback'], more: Partial<Route> = {}): Route[] => [
  { name: 'users', service: 'users', ...more, ...(fallback && { fallback }) },
];

const ask = async (url: string, init?: RequestInit) => {
  const response = await fetch(url, init);
  return { status: response.status, body: await response.text(), headers: response.headers };
};

describe('the fallback of a route', () => {
  it('answers where all endpoints refuse, and is counted, logged and told to Prometheus', async () => {
    const logged: AccessEntry[] = [];
    const accessLog = (entry: AccessEntry) => void logged.push(entry);
    await using running = await gatewayOver([await refusingPort()], { routes: route(SORRY), accessLog });
    const told = prometheusMetrics(running.mesh);
    for (const method of ['GET', 'POST', 'HEAD']) {
      const { status, body, headers } = await ask(running.url, { method });
      expect([status, body]).toEqual([200, method === 'HEAD' ? '' : SORRY.body]);
      expect(headers.get('cache-control')).toBe('no-store');
    }
    expect(figuresOf(running)).toMatchObject({ 'users.fallbacks': 3, 'users.2xx': 3, 'users.requests': 3 });
    expect(running.mesh.service('users').callStats.fallbacks).toBe(3);
    await until('all is logged', () => logged.length === 3);
    expect(logged.map(({ status, fallback }) => [status, fallback])).toEqual(
      Array.from({ length: 3 }, () => [200, true]),
    );
    expect(told.metrics()).toContain('fairlead_fallbacks_total{service="users"} 3');
    told.close();
  });

  it('answers where there is no endpoint, at the limit of a route, and after a timeout', async () => {
    await using hangs = await new Backend('a', () => {}).listen();
    await using none = await gatewayOver([], { routes: route(SORRY) }, { waitForReadyMs: 10 });
    expect((await ask(none.url)).body).toBe(SORRY.body);

    const timeouts = { responseMs: 50 };
    await using slow = await gatewayOver([hangs.port], { routes: route(SORRY, { timeouts }) });
    expect((await ask(slow.url)).body).toBe(SORRY.body);

    await using full = await gatewayOver([hangs.port], {
      routes: route(SORRY, { maxInflight: 1, timeouts: { responseMs: 20_000 } }),
    });
    const leave = new AbortController();
    const first = ask(full.url, { signal: leave.signal }).catch(() => 'gone');
    await until('one is in progress', () => figuresOf(full)['users.inflight'] === 1);
    expect((await ask(full.url)).body).toBe(SORRY.body);
    leave.abort();
    expect(await first).toBe('gone');
  });

  it('leaves answers of the service alone, but for the statuses it names, and keeps the connection', async () => {
    let status = 503;
    await using backend = await new Backend('a', (_, response) => void response.writeHead(status).end('mine')).listen();
    await using running = await gatewayOver([backend.port], { routes: route(SORRY) });
    expect(await ask(running.url)).toMatchObject({ status: 503, body: 'mine' });
    running.gateway.setRoutes(route({ ...SORRY, statuses: [503, 404] }));
    for (let i = 0; i < 5; i++) expect(await ask(running.url)).toMatchObject({ status: 200, body: SORRY.body });
    status = 404;
    expect(await ask(running.url)).toMatchObject({ status: 200, body: SORRY.body });
    status = 500;
    expect(await ask(running.url)).toMatchObject({ status: 500, body: 'mine' });
    expect(backend.connections).toBe(1);
  });

  it('does not read an endless answer that is not wanted', async () => {
    let closed = false;
    await using backend = await new Backend('a', (_, response) => {
      response.writeHead(503);
      const more = setInterval(() => response.write(Buffer.alloc(16_384)), 1);
      response.on('close', () => {
        clearInterval(more);
        closed = true;
      });
    }).listen();
    await using running = await gatewayOver([backend.port], { routes: route({ ...SORRY, statuses: [503] }) });
    expect((await ask(running.url)).body).toBe(SORRY.body);
    await until('the connection is given up', () => closed);
  });

  it('is made by a function in code; where that fails, the route’s own answer stands', async () => {
    const failed: FailedRequest[] = [];
    let breaks = false;
    const cached = async (each: FailedRequest) => {
      failed.push(each);
      await Promise.resolve();
      if (breaks) throw new Error('no cache');
      return { status: 203, headers: { 'x-from': each.header('x-user') ?? '' }, body: `cached ${each.url}` };
    };
    await using running = await gatewayOver([await refusingPort()], {
      routes: route({ ...SORRY, by: 'cached' }),
      fallbacks: { cached },
    });
    const { status, body, headers } = await ask(`${running.url}/7?x=1`, { headers: { 'x-user': 'ada' } });
    expect([status, body, headers.get('x-from')]).toEqual([203, 'cached /7?x=1', 'ada']);
    expect(failed[0]).toMatchObject({ method: 'GET', url: '/7?x=1', route: 'users', service: 'users', status: 502 });
    breaks = true;
    expect(await ask(running.url)).toMatchObject({ status: 200, body: SORRY.body });
    const unknown = route({ by: 'other' });
    expect(() => running.gateway.setRoutes(unknown)).toThrow("falls back by 'other', which is none of the gateway's");
    expect(() => running.gateway.setRoutes([{ redirect: {}, fallback: {} }])).toThrow('has a fallback, and no service');
  });

  it('leaves calls of gRPC and bodies that are too long their own errors', async () => {
    await using backend = await new Backend('a', (_, response) => void response.end('ok')).listen();
    await using running = await gatewayOver([await refusingPort()], { routes: route(SORRY) });
    await using client = new Http2Client(running.url);
    const grpc = { ':method': 'POST', 'content-type': 'application/grpc', te: 'trailers' };
    expect((await client.ask(grpc, '')).headers['grpc-status']).toBe('14');
    await using strict = await gatewayOver([backend.port], { routes: route(SORRY, { maxBodyBytes: 3 }) });
    expect((await ask(strict.url, { method: 'POST', body: 'long' })).status).toBe(413);
  });

  it('answers for a service over HTTP/2 as well', async () => {
    await using backend = await new Backend('a', (_, response) => void response.end('ok')).listen();
    const upstreams = { users: { protocol: 'h2' as const } };
    await using gone = await gatewayOver([await refusingPort()], { routes: route(SORRY), upstreams });
    expect((await ask(gone.url)).body).toBe(SORRY.body);
    // It speaks HTTP/1.1 alone: nothing comes of it.
    await using odd = await gatewayOver([backend.port], { routes: route(SORRY), upstreams });
    expect((await ask(odd.url)).body).toBe(SORRY.body);
  });

  it('comes and goes with the document', async () => {
    await using running = await gatewayOver([await refusingPort()]);
    const config = createConfigStore(running.mesh, { compare: false });
    running.gateway.follow(config);
    expect((await ask(running.url)).status).toBe(502);
    await config.apply({ gateway: { routes: route(SORRY) } });
    expect((await ask(running.url)).body).toBe(SORRY.body);
    await config.apply({ gateway: { routes: route(undefined) } });
    expect((await ask(running.url)).status).toBe(502);
    const bad = config.apply({ gateway: { routes: route({ status: 99 }) } });
    await expect(bad).rejects.toThrow(/gateway\.routes\[0\]\.fallback\.status/);
  });
});

it('a server over HTTP/2 that answers 503 is stood in for', async () => {
  const server = createServer((_, response) => void response.writeHead(503).end('mine'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await using running = await gatewayOver([port], {
    routes: route({ ...SORRY, statuses: [503] }),
    upstreams: { users: { protocol: 'h2' } },
  });
  expect((await ask(running.url)).body).toBe(SORRY.body);
  server.close();
});
