// First: it patches what the others load.
import './instrumented.js';
import { credentials } from '@grpc/grpc-js';
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { createMesh, httpCheck, type Mesh, staticResolver } from 'fairlead';
import { registerGrpc } from 'fairlead/grpc';
import { createDispatcher } from 'fairlead/http';
import { traceMesh } from 'fairlead/otel';
import { fetch as undiciFetch } from 'undici';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { EchoClient, startServers as startGrpc, type TestServer } from '../grpc/support.js';
import { startMysql } from '../harness/index.js';
import { refusingPort, saysWho } from '../http/support.js';
import { poolOver } from '../mysql/support.js';
import { keyOnEach, redisOver, startServers as startRedis } from '../redis/support.js';
import { instrumentations } from './instrumented.js';
import { startTracing, type Tracing } from './tracing.js';

let tracing: Tracing;
beforeAll(async () => {
  tracing = await startTracing();
});
afterAll(() => tracing?.stop());

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  tracing.reset();
});

function traced(mesh: Mesh): void {
  cleanups.push(traceMesh(mesh, { tracerProvider: tracing.provider }));
}

function instrument(name: keyof typeof instrumentations): void {
  instrumentations[name].setTracerProvider(tracing.provider);
  instrumentations[name].enable();
  cleanups.push(() => instrumentations[name].disable());
}

const parentOf = (span: ReadableSpan): string | undefined => span.parentSpanContext?.spanId;
const idOf = (traceparent: string | undefined): string | undefined => traceparent?.split('-')[2];
const named = (pattern: RegExp): ReadableSpan[] => tracing.spans.filter(({ name }) => pattern.test(name));

describe('attempts over gRPC', () => {
  let servers: TestServer[];
  beforeAll(async () => {
    servers = [...(await startGrpc(1, { code: 14 })), ...(await startGrpc(2)).slice(1)];
  });
  afterAll(() => Promise.all(servers.map((server) => server.stop())));

  function connect(): EchoClient {
    const resolver = staticResolver({ echo: servers.map(({ endpoint }) => endpoint) });
    const mesh = createMesh({ resolver, services: { echo: { policy: 'round_robin', health: [] } } });
    const registration = registerGrpc(mesh, {
      defaults: {
        serviceConfig: {
          methodConfig: [
            {
              name: [{}],
              retryPolicy: {
                maxAttempts: 3,
                initialBackoff: '0.01s',
                maxBackoff: '0.01s',
                backoffMultiplier: 1,
                retryableStatusCodes: ['UNAVAILABLE'],
              },
            },
          ],
        },
      },
    });
    const client = new EchoClient('fairlead:///echo', {}, credentials.createInsecure());
    cleanups.push(
      () => mesh.close({ deadlineMs: 100 }),
      () => registration.close(),
      () => client.close(),
    );
    traced(mesh);
    return client;
  }

  /** Until a call met the server that fails first. */
  async function callWithRetry(client: EchoClient) {
    for (let i = 0; i < 50; i++) {
      tracing.reset();
      const answer = await tracing.within(() => client.unary());
      if (answer.attempt > 0) return answer;
    }
    throw new Error('no call was repeated');
  }

  it('are children of a span of the call, each with a traceparent of its own', async () => {
    const answer = await callWithRetry(connect());
    const [call] = named(/^Sent\.test\.Echo\/Unary$/);
    const attempts = named(/^Attempt\.test\.Echo\/Unary$/);
    expect(call).toMatchObject({
      kind: SpanKind.INTERNAL,
      attributes: { 'server.address': 'echo', 'rpc.status_code': 'OK' },
    });
    expect(attempts).toHaveLength(2);
    expect(attempts.map(parentOf)).toEqual([call!.spanContext().spanId, call!.spanContext().spanId]);
    const [failed, served] = attempts as [ReadableSpan, ReadableSpan];
    expect(failed).toMatchObject({
      kind: SpanKind.CLIENT,
      status: { code: SpanStatusCode.ERROR },
      attributes: {
        'rpc.system.name': 'grpc',
        'rpc.method': 'test.Echo/Unary',
        'rpc.status_code': 'UNAVAILABLE',
        'previous-rpc-attempts': 0,
        'network.peer.port': servers[0]!.port,
      },
    });
    expect(served.attributes).toMatchObject({
      'rpc.status_code': 'OK',
      'previous-rpc-attempts': 1,
      'network.peer.address': '127.0.0.1',
      'network.peer.port': servers[1]!.port,
    });
    expect(served.links.map(({ context }) => context.spanId)).toEqual([failed.spanContext().spanId]);
    expect(idOf(answer.traceparent)).toBe(served.spanContext().spanId);
    await expect.poll(() => tracing.received.some(({ spanId }) => spanId === served.spanContext().spanId)).toBe(true);
  });

  it('say that they waited for a connection', async () => {
    const client = connect();
    await tracing.within(() => client.unary());
    const [first] = named(/^Attempt/);
    expect(first!.events.map(({ name }) => name)).toContain('Delayed LB pick complete');
  });

  it('hang below the span of instrumentation-grpc, of which there is one a call', async () => {
    instrument('grpc');
    const answer = await callWithRetry(connect());
    const clients = tracing.spans.filter(({ kind }) => kind === SpanKind.CLIENT);
    expect(clients).toHaveLength(1);
    expect(clients[0]!.instrumentationScope.name).toContain('instrumentation-grpc');
    expect(named(/^Sent/)).toEqual([]);
    const attempts = named(/^Attempt/);
    expect(attempts.map(parentOf)).toEqual([clients[0], clients[0]].map((span) => span!.spanContext().spanId));
    expect(idOf(answer.traceparent)).toBe(attempts[1]!.spanContext().spanId);
  });
});

describe('attempts over HTTP', () => {
  async function setUp() {
    const backend = await saysWho('a');
    const refused = await refusingPort();
    const resolver = staticResolver({ users: [`127.0.0.1:${refused}`, `127.0.0.1:${backend.port}`] });
    const mesh = createMesh({ resolver, services: { users: { policy: 'round_robin', health: [] } } });
    const dispatcher = createDispatcher(mesh);
    cleanups.push(
      () => backend[Symbol.asyncDispose](),
      () => mesh.close({ deadlineMs: 100 }),
      () => dispatcher.destroy(),
    );
    traced(mesh);
    return { backend, dispatcher };
  }

  it('have the number of the repeat, and tell the server of themselves', async () => {
    const { backend, dispatcher } = await setUp();
    // Each in turn: one of two calls meets the one that refuses first.
    for (let i = 0; i < 2; i++) {
      const response = await tracing.within(() => undiciFetch('http://users/', { dispatcher } as never));
      await response.text();
    }
    const attempts = named(/^users attempt$/);
    const repeats = attempts.map(({ attributes }) => attributes['http.request.resend_count']).filter(Boolean);
    expect(new Set(repeats)).toEqual(new Set([1]));
    const again = attempts.find(({ attributes }) => attributes['http.request.resend_count'] === 1)!;
    expect(again).toMatchObject({ kind: SpanKind.INTERNAL, links: { length: 1 } });
    expect(again.attributes).toMatchObject({ 'server.address': 'users', 'network.peer.port': backend.port });
    const told = backend.requests.map(({ headers }) => idOf(headers.traceparent as string));
    expect(told).toContain(again.spanContext().spanId);
  });

  it('have below them what instrumentation-undici makes, which tells the server of itself', async () => {
    const { backend, dispatcher } = await setUp();
    const instrumentation = new UndiciInstrumentation();
    instrumentation.setTracerProvider(tracing.provider);
    cleanups.push(() => instrumentation.disable());
    for (let i = 0; i < 2; i++) {
      await (await tracing.within(() => undiciFetch('http://users/', { dispatcher } as never))).text();
    }
    const attempts = new Set(named(/^users attempt$/).map((span) => span.spanContext().spanId));
    const clients = tracing.spans.filter(({ kind }) => kind === SpanKind.CLIENT);
    expect(clients.length).toBeGreaterThan(0);
    expect(clients.every((span) => attempts.has(parentOf(span)!))).toBe(true);
    const ids = clients.map((span) => span.spanContext().spanId);
    for (const { headers } of backend.requests) expect(ids).toContain(idOf(headers.traceparent as string));
  });

  it('are not those of health checks', async () => {
    const backend = await saysWho('a');
    cleanups.push(() => backend[Symbol.asyncDispose]());
    const instrumentation = new UndiciInstrumentation();
    instrumentation.setTracerProvider(tracing.provider);
    cleanups.push(() => instrumentation.disable());
    const resolver = staticResolver({ users: [`127.0.0.1:${backend.port}`] });
    const mesh = createMesh({ resolver });
    cleanups.push(() => mesh.close({ deadlineMs: 0 }));
    traced(mesh);
    mesh.service('users', { checks: [httpCheck({ path: '/health', intervalMs: 100 })] });
    await expect.poll(() => backend.requests.length, { timeout: 10_000 }).toBeGreaterThan(2);
    expect(tracing.spans).toEqual([]);
  });
});

describe('commands of a sharded Redis', () => {
  it('have one span where they are split, over those of instrumentation-ioredis; probes have none', async () => {
    await using servers = await startRedis(2);
    instrument('ioredis');
    await using over = redisOver(servers.servers, { probeIntervalMs: 20 });
    traced(over.mesh);
    const keys = keyOnEach(over.redis);
    // Both connected: what waits for a connection is sent twice, and has two spans.
    for (const key of keys) await over.redis.set(key, 'v');
    tracing.reset();
    await tracing.within(() => over.redis.mget(...keys));
    await new Promise((resolve) => setTimeout(resolve, 200));
    const [batch] = named(/^MGET$/);
    expect(batch).toMatchObject({
      kind: SpanKind.INTERNAL,
      attributes: { 'db.system.name': 'redis', 'db.operation.batch.size': 2, 'server.address': 'cache' },
    });
    const parts = named(/^mget$/);
    expect(parts.map(parentOf)).toEqual([batch, batch].map((span) => span!.spanContext().spanId));
    // Nothing but the command: two looks at each shard were made meanwhile.
    expect(tracing.spans.map(({ name }) => name).sort()).toEqual(['MGET', 'mget', 'mget']);
  });
});

describe('statements of a MySQL pool', () => {
  it('have the span of instrumentation-mysql2, and probes have none', async () => {
    await using topology = await startMysql({ replicas: 1 });
    instrument('mysql2');
    await using cluster = poolOver(topology, { probeIntervalMs: 50 });
    traced(cluster.mesh);
    const texts = () =>
      tracing.spans.map(({ attributes }) => attributes['db.statement'] ?? attributes['db.query.text']);
    // The first opens its connections within the caller's trace.
    await tracing.within(() => cluster.pool.query('SELECT 1'));
    expect(texts()).toEqual(['SELECT 1']);
    tracing.reset();
    await tracing.within(() => cluster.pool.query('SELECT 7'));
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(texts()).toEqual(['SELECT 7']);
  });

  it('have no spans of what a pool sends by itself: settings, initStatements, clean-up', async () => {
    await using topology = await startMysql({ replicas: 0 });
    instrument('mysql2');
    await using cluster = poolOver(topology, { probeIntervalMs: 50, initStatements: ["SET @began = 'yes'"] });
    traced(cluster.mesh);
    await tracing.within(async () => {
      const connection = await cluster.pool.getConnection();
      await connection.query('SET @mine = 1');
      connection.release();
      // On the same connection, once it is clean.
      await cluster.pool.query('SELECT @began, @mine');
    });
    const texts = tracing.spans.map(({ attributes }) => attributes['db.statement'] ?? attributes['db.query.text']);
    expect(texts).toEqual(['SET @mine = 1', 'SELECT @began, @mine']);
  });
});
