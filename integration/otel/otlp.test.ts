import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { createMesh, Outcome, staticResolver } from 'fairlead';
import { createDispatcher } from 'fairlead/http';
import { meshFigures } from 'fairlead/monitor';
import { fairleadMetricProducer } from 'fairlead/otel';
import { ShardedRedis } from 'fairlead/redis';
import { request as undiciRequest } from 'undici';
import { expect, it } from 'vitest';
import { startMysql, startRedis } from '../harness/index.js';
import { poolOver } from '../mysql/support.js';

interface OtlpMetric {
  readonly name: string;
  readonly sum?: { readonly isMonotonic?: boolean; readonly aggregationTemporality: number };
  readonly gauge?: object;
  readonly histogram?: {
    readonly dataPoints: {
      readonly count: number;
      readonly sum: number;
      readonly bucketCounts: number[];
      readonly explicitBounds: number[];
      readonly attributes: { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[];
    }[];
  };
}

/** What the points of a histogram are of, and how many there are. */
function pointsOf(metric: OtlpMetric | undefined): [attributes: Record<string, unknown>, count: number][] {
  return (metric?.histogram?.dataPoints ?? []).map(({ attributes, count }) => [
    Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]])),
    Number(count),
  ]);
}

/** An OTLP/HTTP receiver for JSON. */
async function startReceiver() {
  const metrics: OtlpMetric[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    for (const { scopeMetrics } of JSON.parse(body).resourceMetrics) {
      for (const each of scopeMetrics) metrics.push(...each.metrics);
    }
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    metrics,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/metrics`,
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}

it('what the producer gives arrives at an OTLP receiver', async () => {
  const receiver = await startReceiver();
  const mesh = createMesh({ resolver: staticResolver({ users: ['10.0.0.1:1', '10.0.0.2:1'] }) });
  const producer = fairleadMetricProducer(mesh);
  const exporter = new OTLPMetricExporter({ url: receiver.url });
  const provider = new MeterProvider({
    readers: [new PeriodicExportingMetricReader({ exporter, metricProducers: [producer] })],
  });
  for (let i = 0; i < 10; i++) mesh.service('users').acquire().done(Outcome.Success);
  await provider.forceFlush();
  const named = new Map(receiver.metrics.map((metric) => [metric.name, metric]));
  const [duration] = named.get('fairlead.call.duration')!.histogram!.dataPoints;
  expect(Number(duration!.count)).toBe(10);
  expect(duration!.bucketCounts.reduce((sum, count) => sum + Number(count), 0)).toBe(10);
  expect(named.get('fairlead.service.usable')!.sum).toMatchObject({ aggregationTemporality: 2 });
  expect(named.get('fairlead.discovery.age')!.gauge).toBeDefined();
  await provider.shutdown();
  producer.close();
  await mesh.close();
  await receiver.close();
});

it('requests arrive under the names of the HTTP conventions, with the bytes of their endpoint', async () => {
  let answered = 0;
  const backend = createServer((request, response) => {
    request.resume();
    if (++answered === 1) request.socket.destroy();
    else response.writeHead(request.method === 'PUT' ? 404 : 200).end('four');
  });
  await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve));
  const receiver = await startReceiver();
  const port = (backend.address() as AddressInfo).port;
  const mesh = createMesh({
    resolver: staticResolver({ api: [`127.0.0.1:${port}`, `localhost:${port}`] }),
    defaults: { policy: 'round_robin', health: [] },
  });
  using figures = meshFigures(mesh);
  const producer = fairleadMetricProducer(mesh);
  const exporter = new OTLPMetricExporter({ url: receiver.url });
  const provider = new MeterProvider({
    readers: [new PeriodicExportingMetricReader({ exporter, metricProducers: [producer] })],
  });
  const dispatcher = createDispatcher(mesh);
  const ask = async (method: 'GET' | 'PUT', body?: string): Promise<void> => {
    const options = { dispatcher, method, ...(body !== undefined && { body }) };
    const { body: answer } = await undiciRequest('http://api/', options);
    await answer.text();
  };
  // The first attempt is broken off, repeated elsewhere, and part of one request.
  await ask('GET');
  await ask('GET');
  await ask('PUT', 'ab');
  await provider.forceFlush();
  const duration = receiver.metrics.find(({ name }) => name === 'http.client.request.duration');
  expect(pointsOf(duration)).toEqual([
    [{ 'http.request.method': 'GET', 'server.address': 'api', 'http.response.status_code': 200 }, 2],
    [
      {
        'http.request.method': 'PUT',
        'server.address': 'api',
        'http.response.status_code': 404,
        'error.type': '404',
      },
      1,
    ],
  ]);
  const { endpoints } = figures.read().services[0]!;
  const sumOf = (figure: 'sentBytes' | 'receivedBytes' | 'retries'): number =>
    endpoints.reduce((all, endpoint) => all + endpoint[figure], 0);
  expect([sumOf('sentBytes'), sumOf('receivedBytes'), sumOf('retries')]).toEqual([2, 12, 1]);
  expect(receiver.metrics.some(({ name }) => name === 'fairlead.endpoint.received')).toBe(true);
  await provider.shutdown();
  producer.close();
  await dispatcher.close();
  await mesh.close();
  await receiver.close();
  await new Promise((resolve) => backend.close(resolve));
});

it('statements of MySQL arrive under the names of the database conventions', async () => {
  await using topology = await startMysql({ replicas: 1 });
  const receiver = await startReceiver();
  await using cluster = poolOver(topology, { probeIntervalMs: 50 });
  const producer = fairleadMetricProducer(cluster.mesh);
  const exporter = new OTLPMetricExporter({ url: receiver.url });
  const provider = new MeterProvider({
    readers: [new PeriodicExportingMetricReader({ exporter, metricProducers: [producer] })],
  });
  for (let i = 0; i < 9; i++) await cluster.pool.query('/* page */ (SELECT 1)');
  await cluster.pool.execute('select ?', [1]);
  await expect(cluster.pool.query('SELECT * FROM nowhere.at_all')).rejects.toThrow();
  await cluster.pool.query('/*!50000 DO 1 */').catch(() => undefined);
  await provider.forceFlush();
  const duration = receiver.metrics.find(({ name }) => name === 'db.client.operation.duration');
  const common = { 'db.system.name': 'mysql', 'server.address': 'mysql' };
  const select = { ...common, 'db.operation.name': 'SELECT' };
  expect(pointsOf(duration)).toEqual([
    [select, 10],
    [{ ...select, 'error.type': expect.stringMatching(/^1\d{3}$/), 'db.response.status_code': expect.any(String) }, 1],
    [{ ...common, 'db.operation.name': '_OTHER' }, 1],
  ]);
  expect(duration!.histogram!.dataPoints[0]!.sum).toBeGreaterThan(0);
  await provider.shutdown();
  producer.close();
  await receiver.close();
});

it('commands of Redis arrive under the names of the database conventions', async () => {
  await using server = await startRedis();
  const receiver = await startReceiver();
  const mesh = createMesh({ resolver: staticResolver({ cache: [`${server.host}:${server.port}`] }) });
  const producer = fairleadMetricProducer(mesh);
  const exporter = new OTLPMetricExporter({ url: receiver.url });
  const provider = new MeterProvider({
    readers: [new PeriodicExportingMetricReader({ exporter, metricProducers: [producer] })],
  });
  const redis = new ShardedRedis(mesh, { service: 'cache' });
  await redis.set('a', 'text');
  for (let i = 0; i < 9; i++) await redis.call('GET', 'a');
  await redis.get('a');
  await expect(redis.incr('a')).rejects.toThrow();
  await provider.forceFlush();
  const duration = receiver.metrics.find(({ name }) => name === 'db.client.operation.duration');
  const common = { 'db.system.name': 'redis', 'server.address': 'cache' };
  expect(pointsOf(duration)).toEqual([
    [{ ...common, 'db.operation.name': 'SET' }, 1],
    [{ ...common, 'db.operation.name': 'GET' }, 10],
    [{ ...common, 'db.operation.name': 'INCR', 'error.type': 'ERR', 'db.response.status_code': 'ERR' }, 1],
  ]);
  const [set] = duration!.histogram!.dataPoints;
  expect(set!.explicitBounds).toEqual([0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10]);
  expect(set!.sum).toBeGreaterThan(0);
  await provider.shutdown();
  producer.close();
  redis.disconnect();
  await mesh.close();
  await receiver.close();
});
