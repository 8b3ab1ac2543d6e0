import { setTimeout as pause } from 'node:timers/promises';
import type { AccessEntry } from 'fairlead/gateway';
import { fairleadMetricProducer } from 'fairlead/otel';
import { prometheusMetrics } from 'fairlead/prometheus';
import { describe, expect, it } from 'vitest';
import { saysWho } from '../http/support.js';
import { eventually, Http2Client, replyOf } from './http2-support.js';
import { Origin } from './origin.js';
import { figuresOf, gatewayOver, RawClient } from './support.js';

const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

describe('the access log', () => {
  it('tells of every request when it has ended, without the query', async () => {
    await using backend = await saysWho('a');
    const entries: AccessEntry[] = [];
    await using running = await gatewayOver([backend.port], {
      routes: [{ name: 'api', match: { path: '/api/*' }, service: 'users' }],
      accessLog: (entry) => void entries.push(entry),
    });
    await (await fetch(`${running.url}/api/x?secret=1`, { headers: { traceparent: TRACE } })).text();
    await (await fetch(`${running.url}/other`)).text();
    for (let i = 0; i < 400 && entries.length < 2; i++) await pause(5);
    const [first, second] = entries;
    expect(first).toMatchObject({
      traceId: '0af7651916cd43dd8448eb211c80319c',
      client: '127.0.0.1',
      method: 'GET',
      host: `127.0.0.1:${running.port}`,
      path: '/api/x',
      protocol: 'HTTP/1.1',
      route: 'api',
      service: 'users',
      endpoint: 'e0',
      status: 200,
      broken: false,
    });
    expect(first!.bytes).toBeGreaterThan(10);
    expect(Date.parse(first!.time)).toBeGreaterThan(0);
    expect(JSON.stringify(first)).not.toContain('secret');
    expect(second).toMatchObject({ path: '/other', status: 404 });
    expect(second).not.toHaveProperty('route');
  });

  it('tells of what no route may have: CONNECT over both versions, heads that are too large over HTTP/2', async () => {
    await using backend = await saysWho('a');
    const entries: AccessEntry[] = [];
    await using running = await gatewayOver([backend.port], {
      maxHeaderBytes: 2_000,
      accessLog: (entry) => void entries.push(entry),
    });
    await using http2 = new Http2Client(running.url);
    const tunnel = http2.session.request({ ':method': 'CONNECT', ':authority': 'example.com:443' });
    expect((await replyOf(tunnel)).status).toBe(405);
    // Node holds a client to the limit once it has heard of it: a connection's first request may
    // exceed it.
    await using fresh = new Http2Client(running.url);
    const large = { ':path': '/large?secret=1', 'x-large': 'x'.repeat(5_000) };
    expect((await fresh.ask(large)).status).toBe(431);
    using http1 = await RawClient.to(running.port);
    const { head } = await http1.send('CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n').response();
    expect(head).toMatch(/^HTTP\/1.1 405 /);
    for (let i = 0; i < 400 && entries.length < 3; i++) await pause(5);
    expect(entries).toMatchObject([
      { method: 'CONNECT', host: 'example.com:443', protocol: 'HTTP/2.0', status: 405, bytes: 0, broken: false },
      { method: 'GET', path: '/large', protocol: 'HTTP/2.0', status: 431, broken: false },
      { method: 'CONNECT', host: 'a:443', protocol: 'HTTP/1.1', status: 405, broken: false },
    ]);
    expect(entries.every(({ client, route }) => client === '127.0.0.1' && route === undefined)).toBe(true);
    await eventually(() => figuresOf(running).inflight === 0, 'nothing in flight');
  });

  it('has what is refused for its Host or its expectation, in the words of other answers', async () => {
    await using backend = await saysWho('a');
    const entries: AccessEntry[] = [];
    await using running = await gatewayOver([backend.port], { accessLog: (entry) => void entries.push(entry) });
    const heads = ['GET /a HTTP/1.1', 'GET /b HTTP/1.1\r\nHost: h\r\nExpect: wonders'];
    for (const head of heads) {
      using client = await RawClient.to(running.port);
      expect((await client.send(`${head}\r\n\r\n`).response()).head).toMatch(/\r\nx-request-id: /i);
    }
    await eventually(() => entries.length === 2, 'both are in the log');
    expect(entries).toMatchObject([
      { path: '/a', status: 400 },
      { path: '/b', status: 417 },
    ]);
  });

  it('has heads that Node refuses, once each and without what was sent, and so have the figures', async () => {
    await using backend = await saysWho('a');
    const entries: AccessEntry[] = [];
    await using running = await gatewayOver([backend.port], {
      headersTimeoutMs: 1_000,
      requestTimeoutMs: 1_000,
      accessLog: (entry) => void entries.push(entry),
    });
    const cases: [sent: string, status: number][] = [
      ['GET /secret HTTP/1.1\r\nHost : a\r\n\r\n', 400],
      // More than is read at once: the rest is not refused anew, and the answer is not lost to a reset.
      [`GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(2_000_000)}\r\n\r\n`, 431],
      ['GET / HTTP/1.1\r\nHos', 408],
    ];
    for (const [sent, status] of cases) {
      using client = await RawClient.to(running.port);
      const answer = await client.send(sent).response();
      expect(answer).toMatchObject({ status });
      expect(answer.head).toMatch(/\r\nx-request-id: [0-9a-f]{32}\r\n.*connection: close/is);
      expect(client.reset).toBe(false);
    }
    await eventually(() => entries.length === cases.length, 'all are in the log');
    for (const [i, [, status]] of cases.entries())
      expect(entries[i]).toMatchObject({ method: '', host: '', path: '', status, client: '127.0.0.1', broken: false });
    expect(figuresOf(running)).toMatchObject({ inflight: 0, 'unrouted.requests': 3, 'unrouted.4xx': 3 });
    const silent = await RawClient.to(running.port);
    await eventually(() => silent.closed, 'a connection that says nothing is closed');
    expect([silent.received, entries.length]).toEqual(['', cases.length]);
  });

  it('has a request once whose body is refused', async () => {
    await using origin = await Origin.of();
    const entries: AccessEntry[] = [];
    await using running = await gatewayOver([origin.port], { accessLog: (entry) => void entries.push(entry) });
    using client = await RawClient.to(running.port);
    client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n');
    await eventually(() => client.closed && entries.length > 0, 'the request has ended');
    expect(client.received).toMatch(/^HTTP\/1\.1 400 /);
    expect(entries).toMatchObject([{ method: 'POST', status: 400 }]);
    await eventually(() => figuresOf(running).inflight === 0, 'nothing in flight');
    expect(entries).toHaveLength(1);
  });

  it('is a logger such as pino as well, and stops nothing where it throws', async () => {
    await using backend = await saysWho('a');
    const logged: unknown[] = [];
    const logger = {
      info(...said: unknown[]) {
        logged.push(said);
        throw new Error('full disk');
      },
    };
    await using running = await gatewayOver([backend.port], { accessLog: logger });
    expect((await fetch(running.url)).status).toBe(200);
    expect((await fetch(running.url)).status).toBe(200);
    for (let i = 0; i < 400 && logged.length < 2; i++) await pause(5);
    expect(logged[0]).toEqual([expect.objectContaining({ status: 200 }), 'request']);
  });
});

describe('what belongs to a request', () => {
  it('is an id of its own, there and back, and the trace context as it came', async () => {
    await using origin = await Origin.of();
    await using running = await gatewayOver([origin.port]);
    using client = await RawClient.to(running.port);
    const headers = `X-Request-Id: mine\r\ntraceparent: ${TRACE}\r\ntracestate: a=1\r\nbaggage: b=2\r\n`;
    const { head } = await client.send(`GET / HTTP/1.1\r\nHost: h\r\n${headers}\r\n`).response();
    const [id] = origin.values('x-request-id');
    expect(id).toMatch(/^[0-9a-f]{32}$/);
    expect(head).toContain(`x-request-id: ${id}`);
    expect([origin.values('traceparent'), origin.values('tracestate'), origin.values('baggage')]).toEqual([
      [TRACE],
      ['a=1'],
      ['b=2'],
    ]);
  });

  it('is the id that a trusted proxy gave it', async () => {
    await using origin = await Origin.of();
    await using running = await gatewayOver([origin.port], { trustedProxies: ['127.0.0.1'], requestId: 'X-Id' });
    using client = await RawClient.to(running.port);
    await client.send('GET / HTTP/1.1\r\nHost: h\r\nX-Id: mine\r\n\r\n').response();
    expect(origin.values('x-id')).toEqual(['mine']);
    await client.send('GET / HTTP/1.1\r\nHost: h\r\nX-Id: <b>\r\n\r\n').response();
    expect(origin.values('x-id')[0]).toMatch(/^[0-9a-f]{32}$/);
  });
});

describe('figures', () => {
  it('are exported: requests in flight, of the gateway and by route, in both formats', async () => {
    await using origin = await Origin.of(() => undefined);
    await using running = await gatewayOver([origin.port], { routes: [{ name: 'api', service: 'users' }] });
    const [prometheus, producer] = [prometheusMetrics(running.mesh), fairleadMetricProducer(running.mesh)];
    using client = await RawClient.to(running.port);
    client.send('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
    await origin.until(() => origin.requests.length === 1);
    const text = prometheus.metrics();
    const { resourceMetrics } = await producer.collect();
    const points = resourceMetrics.scopeMetrics
      .flatMap(({ metrics }) => metrics)
      .flatMap(({ dataPoints }): { attributes: Record<string, unknown>; value: unknown }[] => dataPoints);
    for (const figure of ['inflight', 'api.inflight']) {
      expect(text).toContain(`fairlead_part{kind="gateway",part="gateway",figure="${figure}"} 1`);
      const told = points.filter(({ attributes }) => attributes['fairlead.part.figure'] === figure);
      expect(told.map(({ value }) => value)).toEqual([1]);
    }
  });

  it('count a status of no class as 5xx (RFC 9110, 15)', async () => {
    await using origin = await Origin.of('HTTP/1.1 999 Odd\r\nContent-Length: 2\r\n\r\nok');
    await using running = await gatewayOver([origin.port], { routes: [{ name: 'api', service: 'users' }] });
    using client = await RawClient.to(running.port);
    expect((await client.send('GET / HTTP/1.1\r\nHost: h\r\n\r\n').response()).status).toBe(999);
    await origin.until(() => figuresOf(running).inflight === 0);
    expect(figuresOf(running)['api.5xx']).toBe(1);
    expect(Object.values(figuresOf(running)).every(Number.isFinite)).toBe(true);
  });

  it('count requests by route and class of status, also over a change of routes', async () => {
    await using origin = await Origin.of('HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy');
    const routes = [{ name: 'api', match: { path: '/api' }, service: 'users' }];
    await using running = await gatewayOver([origin.port], { routes });
    const figures = () => figuresOf(running);
    expect((await fetch(`${running.url}/api`)).status).toBe(503);
    running.gateway.setRoutes([...routes, { name: 'more', match: { path: '/more' }, service: 'users' }]);
    expect(await (await fetch(`${running.url}/api`)).text()).toBe('busy');
    await origin.until(() => figures().inflight === 0);
    expect(figures()).toMatchObject({
      inflight: 0,
      tunnels: 0,
      'api.requests': 2,
      'api.5xx': 2,
      'api.2xx': 0,
      'api.inflight': 0,
      'api.responseBytes': 8,
      'more.requests': 0,
    });
  });
});
