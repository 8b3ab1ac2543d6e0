import { channel } from 'node:diagnostics_channel';
import { status } from '@grpc/grpc-js';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  type MetricData,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { type Mesh, Outcome } from 'fairlead';
import { fairleadMetricProducer, instrumentMesh, type MetricProducerOptions } from 'fairlead/otel';
import { afterEach, describe, expect, it } from 'vitest';
import { GrpcCounts, type GrpcPart } from '../../../adapters/grpc/common/method-counts.js';
import { ChannelTelemetry } from '../../../adapters/grpc/common/telemetry.js';
import { endpoints, testMesh } from '../../support/mesh.js';
import { CollectedMetrics, points } from '../../support/metrics.js';

const endings: (() => unknown)[] = [];
afterEach(() => Promise.all(endings.splice(0).map((end) => end())));

/** The real SDK, whose reader asks our producer. */
function setUp(names: Parameters<typeof testMesh>[0] = { users: endpoints(2) }, options?: MetricProducerOptions) {
  const world = testMesh(names, { defaults: { policy: 'round_robin' } });
  const producer = fairleadMetricProducer(world.mesh, options);
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({
    exporter,
    exportIntervalMillis: 3_600_000,
    metricProducers: [producer],
  });
  const provider = new MeterProvider({ readers: [reader] });
  endings.push(
    () => provider.shutdown(),
    () => producer.close(),
  );
  const collect = async (): Promise<Map<string, MetricData>> => {
    exporter.reset();
    await provider.forceFlush();
    const metrics = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((each) => each.metrics));
    return new Map(metrics.map((metric) => [metric.descriptor.name, metric]));
  };
  const run = (ms: number, outcome: Outcome = Outcome.Success, service = 'users'): void => {
    const lease = world.mesh.service(service).acquire();
    world.clock.advance(ms);
    lease.done(outcome);
  };
  return { ...world, collect, run, producer };
}

const NO_ATTEMPT = { endpoint: undefined, durationMicros: -1, sentBytes: 0, receivedBytes: 0 };
const NO_REPEATS = { retries: 0, hedges: 0, transparentRetries: 0, retryDelayMicros: 0 };

/** As `registerGrpc` makes it. */
function grpcPart(mesh: Mesh): GrpcCounts {
  const part: GrpcPart = { kind: 'grpc', name: 'fairlead', counts: new GrpcCounts() };
  mesh.register(part);
  return part.counts;
}

describe('the metric producer', () => {
  it('makes the attributes of an endpoint once, and again where it was gone meanwhile', async () => {
    const { mesh, producer, resolver, clock } = setUp({ users: endpoints(3) }, { maxEndpoints: 2 });
    mesh.service('users');
    const attributes = async (): Promise<object[]> => {
      const { resourceMetrics } = await producer.collect();
      const names = /^fairlead\.endpoint\.(inflight|state|repeats)$/;
      const metrics = resourceMetrics.scopeMetrics[0]!.metrics.filter(({ descriptor }) => names.test(descriptor.name));
      return metrics.flatMap(({ dataPoints }) => dataPoints.map((point) => point.attributes));
    };
    const [once, again] = [await attributes(), await attributes()];
    // Two endpoints and the others: in flight and five states; of the two, two kinds of repeats.
    expect(once).toHaveLength(3 + 15 + 4);
    expect(new Set(once).size).toBe(once.length);
    for (const [i, each] of again.entries()) expect(each).toBe(once[i]);
    resolver.update('users', []);
    clock.advance(600_000);
    expect(await attributes()).toEqual([]);
    resolver.update('users', endpoints(3));
    const back = await attributes();
    expect(back).toEqual(once);
    expect(back[0]).not.toBe(once[0]);
  });

  it('gives the SDK what was counted: durations by outcome, in the buckets of gRFC A66', async () => {
    const { run, collect } = setUp();
    run(3);
    run(30);
    run(5, Outcome.Failure);
    const all = await collect();
    const durations = all.get('fairlead.call.duration')!;
    expect(durations.descriptor.unit).toBe('s');
    expect(points(durations)).toEqual([
      [
        { 'fairlead.service': 'users', 'fairlead.outcome': 'success' },
        { count: 2, sum: 0.033 },
      ],
      [
        { 'fairlead.service': 'users', 'fairlead.outcome': 'failure' },
        { count: 1, sum: 0.005 },
      ],
    ]);
    const { buckets } = durations.dataPoints[0]!.value as { buckets: { boundaries: number[]; counts: number[] } };
    expect(buckets.counts).toHaveLength(buckets.boundaries.length + 1);
    // Known to a sixteenth: 3 ms are in the bucket that ends above them.
    expect(buckets.counts.slice(buckets.boundaries.indexOf(0.003)).slice(0, 2)).toContain(1);
    expect(buckets.counts.reduce((sum, count) => sum + count, 0)).toBe(2);
  });

  it('has the same metrics of gRPC as instrumentMesh, with the same values', async () => {
    const { mesh, collect } = setUp();
    const metrics = new CollectedMetrics();
    endings.push(instrumentMesh(mesh, { meterProvider: metrics.provider }), () => metrics.close());
    const upstream = mesh.service('users');
    const common = { service: 'users', upstream, target: 'fairlead:///users', method: 'a.B/C' };
    const endpoint = upstream.endpoints[0]!;
    const counts = grpcPart(mesh);
    const telemetry = new ChannelTelemetry(upstream, common.target, mesh.clock, counts);
    const method = telemetry.countsOf('/a.B/C');
    const attempt = { endpoint, durationMicros: 11_000, sentBytes: 10, receivedBytes: 5_000 };
    telemetry.attempt('/a.B/C', method, undefined, { ...attempt, durationMicros: -1 });
    telemetry.attempt('/a.B/C', method, status.OK, attempt);
    telemetry.attempt('/a.B/C', method, status.UNAVAILABLE, { ...attempt, durationMicros: 900, sentBytes: 1_024 });
    const repeats = { retries: 2, hedges: 1, transparentRetries: 0, retryDelayMicros: 38_000 };
    telemetry.call('/a.B/C', method, status.OK, { durationMicros: 60_000, ...repeats });
    channel('fairlead:grpc:weighing').publish({
      ...common,
      weights: [1, 2],
      notYetUsable: 1,
      stale: 0,
      fallback: true,
    });
    for (const what of ['connected', 'failed', 'disconnected', 'connected', 'closed'] as const) {
      channel('fairlead:grpc:connection').publish({ ...common, endpoint, what });
    }
    for (let i = 0; i < 5; i++) upstream.acquire({ prefer: 'e0' }).done(Outcome.Failure);
    const grpc = (all: Map<string, MetricData>): unknown[] =>
      [...all.values()]
        .filter(({ descriptor }) => descriptor.name.startsWith('grpc.'))
        .map(({ descriptor: { name, unit, description }, dataPoints }) => ({
          name,
          unit,
          description,
          points: dataPoints.map(({ attributes, value }) => {
            if (typeof value === 'number') return { attributes, value };
            const { buckets, count, sum } = value as { buckets: object; count: number; sum: number };
            return { attributes, buckets, count, sum };
          }),
        }))
        .filter((metric) => metric.points.length > 0)
        .sort((a, b) => (a.name < b.name ? -1 : 1));
    const ours = grpc(await collect());
    expect(ours.length).toBeGreaterThan(10);
    expect(ours).toEqual(grpc(await metrics.collect()));
  });

  it('leaves out calls of another mesh', async () => {
    const { mesh, collect } = setUp();
    mesh.service('users');
    const other = testMesh({ users: endpoints(2) }).mesh;
    endings.push(other.measure());
    const telemetry = new ChannelTelemetry(other.service('users'), 'fairlead:///users', other.clock, grpcPart(other));
    telemetry.attempt('/a.B/C', telemetry.countsOf('/a.B/C'), undefined, NO_ATTEMPT);
    expect((await collect()).has('grpc.client.attempt.started')).toBe(false);
  });

  it('has calls of gRPC under the names of the RPC conventions', async () => {
    const { mesh, collect } = setUp();
    const telemetry = new ChannelTelemetry(mesh.service('users'), 'fairlead:///users', mesh.clock, grpcPart(mesh));
    const end = (code: number): void =>
      telemetry.call('/a.B/C', telemetry.countsOf('/a.B/C'), code, { ...NO_REPEATS, durationMicros: 30_000 });
    for (const code of [status.OK, status.OK, status.NOT_FOUND, 99]) end(code);
    const durations = (await collect()).get('rpc.client.call.duration')!;
    const of = { 'rpc.system.name': 'grpc', 'rpc.method': 'a.B/C', 'server.address': 'users' };
    expect(points(durations)).toEqual([
      [
        { ...of, 'rpc.status_code': 'OK' },
        { count: 2, sum: 0.06 },
      ],
      [
        { ...of, 'rpc.status_code': 'NOT_FOUND', 'error.type': 'NOT_FOUND' },
        { count: 1, sum: 0.03 },
      ],
      [
        { ...of, 'rpc.status_code': 'UNKNOWN', 'error.type': 'UNKNOWN' },
        { count: 1, sum: 0.03 },
      ],
    ]);
  });

  it('ends the series of an endpoint that left, and shows all that live, after 3,000 came and went', async () => {
    const { mesh, resolver, collect, run, clock } = setUp({ pods: [] }, { maxEndpoints: 2_000 });
    for (let scrape = 0; scrape < 60; scrape++) {
      const pods = Array.from({ length: 50 }, (_, i) => ({ id: `p${scrape}-${i}`, host: '10.0.0.1', port: 1 + i }));
      resolver.update('pods', pods);
      for (let i = 0; i < 50; i++) run(0, Outcome.Success, 'pods');
      clock.advance(60_000);
      const ids = points((await collect()).get('fairlead.endpoint.inflight')).map(
        ([attributes]) => (attributes as Record<string, string>)['fairlead.endpoint'],
      );
      for (const { spec } of mesh.service('pods').endpoints) expect(ids).toContain(spec.id);
      expect(ids.length).toBeLessThanOrEqual(50 + 6 * 50);
    }
    const [[, total]] = points((await collect()).get('fairlead.call.duration')) as [[object, { count: number }]];
    expect(total.count).toBe(3_000);
  });

  it('has endpoints beyond maxEndpoints share one series of their service', async () => {
    const { mesh, collect } = setUp({ users: endpoints(5) }, { maxEndpoints: 2 });
    const lease = mesh.service('users').acquire({ prefer: 'e4' });
    expect(points((await collect()).get('fairlead.endpoint.inflight'))).toEqual([
      [{ 'fairlead.service': 'users', 'fairlead.endpoint': 'e0' }, 0],
      [{ 'fairlead.service': 'users', 'fairlead.endpoint': 'e1' }, 0],
      [{ 'fairlead.service': 'users', 'fairlead.endpoint': 'other' }, 1],
    ]);
    lease.done(Outcome.Success);
  });

  it('has the figures of parts, each with a series that ends with what it is of', async () => {
    const { mesh, collect } = setUp();
    const series = async (): Promise<unknown> => points((await collect()).get('fairlead.part'));
    const figures: Record<string, number> = { 'commands s0': 12, 'commands s1': 3 };
    const unregister = mesh.register({ kind: 'redis', name: 'cache', figures: () => figures });
    const part = { 'fairlead.part.kind': 'redis', 'fairlead.part.name': 'cache' };
    expect(await series()).toEqual([
      [{ ...part, 'fairlead.part.figure': 'commands s0' }, 12],
      [{ ...part, 'fairlead.part.figure': 'commands s1' }, 3],
    ]);
    delete figures['commands s1'];
    expect(await series()).toEqual([[{ ...part, 'fairlead.part.figure': 'commands s0' }, 12]]);
    for (let i = 0; i < 3_000; i++) figures[`commands s${i}`] = i;
    expect(await series()).toHaveLength(2_000);
    unregister();
    expect(await series()).toEqual([]);
  });

  it('bounds the series of methods as the SDK does', async () => {
    const { mesh, collect } = setUp();
    const telemetry = new ChannelTelemetry(mesh.service('users'), 't', mesh.clock, grpcPart(mesh));
    for (let i = 0; i < 2_500; i++) telemetry.attempt(`/m${i}`, telemetry.countsOf(`/m${i}`), undefined, NO_ATTEMPT);
    const series = points((await collect()).get('grpc.client.attempt.started'));
    expect(series).toHaveLength(2_001);
    expect(series.at(-1)).toEqual([{ 'grpc.target': 't', 'otel.metric.overflow': true }, 500]);
  });

  it('stops measuring when it is closed, and refuses options that it does not know', () => {
    const { producer, run, clock, mesh } = setUp();
    run(1);
    producer.close();
    expect(clock.pending).toBe(0);
    expect(() => fairleadMetricProducer(mesh, { maxEndpoint: 1 } as never)).toThrow(
      /fairleadMetricProducer\.maxEndpoint/,
    );
  });
});
