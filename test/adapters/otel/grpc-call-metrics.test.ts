import { channel } from 'node:diagnostics_channel';
import type { MetricData } from '@opentelemetry/sdk-metrics';
import type { Weighing } from 'fairlead/adapter';
import type { GrpcAttemptMessage, GrpcCallMessage } from 'fairlead/grpc';
import { instrumentMesh } from 'fairlead/otel';
import { afterEach, describe, expect, it } from 'vitest';
import { endpoints, testMesh } from '../../support/mesh.js';
import { CollectedMetrics, points } from '../../support/metrics.js';

const endings: (() => unknown)[] = [];
afterEach(() => Promise.all(endings.splice(0).map((end) => end())));

const target = 'fairlead:///users';
const labels = { 'grpc.method': 'a.B/C', 'grpc.target': target };

function measured() {
  const { mesh } = testMesh({ users: endpoints(2) });
  const metrics = new CollectedMetrics();
  endings.push(instrumentMesh(mesh, { meterProvider: metrics.provider }), () => metrics.close());
  const upstream = mesh.service('users');
  const common = { service: 'users', upstream, target, method: 'a.B/C', endpoint: upstream.endpoints[0] };
  const attempt = (message: Partial<GrpcAttemptMessage>): void =>
    channel('fairlead:grpc:attempt').publish({ ...common, ...message });
  const call = (message: Partial<GrpcCallMessage>): void => {
    const none = { retries: 0, hedges: 0, transparentRetries: 0, retryDelayMs: 0 };
    channel('fairlead:grpc:call').publish({ ...common, status: 'OK', durationMs: 1, ...none, ...message });
  };
  const weighing = (message: Weighing): void =>
    channel('fairlead:grpc:weighing').publish({ service: 'users', upstream, target, ...message });
  return { metrics, attempt, call, weighing };
}

const boundaries = (metric: MetricData | undefined): number[] =>
  (metric!.dataPoints[0]!.value as { buckets: { boundaries: number[] } }).buckets.boundaries;

describe('the metrics of gRPC calls', () => {
  it('have the names, units, labels and buckets of gRFC A66, per attempt and per call', async () => {
    const { metrics, attempt, call } = measured();
    attempt({ what: 'started' });
    attempt({ what: 'started' });
    attempt({ what: 'ended', status: 'UNAVAILABLE', durationMs: 1_500, sentBytes: 10, receivedBytes: 2_000 });
    call({ status: 'UNAVAILABLE', durationMs: 2_500 });
    const all = await metrics.collect();
    const seen = [...all.values()]
      .filter(({ descriptor }) => descriptor.name.startsWith('grpc.') && !descriptor.name.endsWith('retry_delay'))
      .map((metric) => [metric.descriptor.name, metric.descriptor.unit, points(metric)]);
    const ended = { ...labels, 'grpc.status': 'UNAVAILABLE' };
    expect(seen).toEqual([
      ['grpc.client.attempt.started', '{attempt}', [[labels, 2]]],
      ['grpc.client.attempt.duration', 's', [[ended, { count: 1, sum: 1.5 }]]],
      ['grpc.client.attempt.sent_total_compressed_message_size', 'By', [[ended, { count: 1, sum: 10 }]]],
      ['grpc.client.attempt.rcvd_total_compressed_message_size', 'By', [[ended, { count: 1, sum: 2_000 }]]],
      ['grpc.client.call.duration', 's', [[ended, { count: 1, sum: 2.5 }]]],
    ]);
    // "Size", in "Buckets for histograms in default views".
    expect(boundaries(all.get('grpc.client.attempt.sent_total_compressed_message_size'))).toEqual([
      0, 1024, 2048, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864, 268435456, 1073741824,
      4294967296,
    ]);
  });

  it('tell retries, hedges and their delay as gRFC A96 says: where there were none, no 0 is reported', async () => {
    const { metrics, call } = measured();
    call({});
    call({ retries: 2, retryDelayMs: 500 });
    call({ hedges: 1 });
    call({ transparentRetries: 3 });
    const all = await metrics.collect();
    const one = (name: string, unit: string, sum: number): void => {
      const metric = all.get(name)!;
      expect(metric.descriptor.unit).toBe(unit);
      expect(points(metric)).toEqual([[labels, { count: 1, sum }]]);
    };
    one('grpc.client.call.retries', '{retry}', 2);
    one('grpc.client.call.hedges', '{hedge}', 1);
    one('grpc.client.call.transparent_retries', '{transparent_retry}', 3);
    expect(points(all.get('grpc.client.call.retry_delay'))).toEqual([[labels, { count: 4, sum: 0.5 }]]);
    expect(boundaries(all.get('grpc.client.call.retries'))).toEqual([1, 2, 3, 4, 5]);
    expect(boundaries(all.get('grpc.client.call.transparent_retries'))).toEqual([1, 2, 3, 4, 5, 10]);
  });

  it('of weights made of load reports are those of gRFC A78', async () => {
    const { metrics, weighing } = measured();
    weighing({ weights: [300, 0, 0], notYetUsable: 1, stale: 1, fallback: true });
    weighing({ weights: [300, 100, 0], notYetUsable: 1, stale: 0, fallback: false });
    const all = await metrics.collect();
    const seen = [...all.values()]
      .filter(({ descriptor }) => descriptor.name.startsWith('grpc.lb.'))
      .map((metric) => [metric.descriptor.name, metric.descriptor.unit, points(metric)]);
    const channelOnly = { 'grpc.target': target };
    expect(seen).toEqual([
      ['grpc.lb.wrr.rr_fallback', '{update}', [[channelOnly, 1]]],
      ['grpc.lb.wrr.endpoint_weight_not_yet_usable', '{endpoint}', [[channelOnly, 2]]],
      ['grpc.lb.wrr.endpoint_weight_stale', '{endpoint}', [[channelOnly, 1]]],
      ['grpc.lb.wrr.endpoint_weights', '{weight}', [[channelOnly, { count: 6, sum: 700 }]]],
    ]);
  });

  it('leave out calls of another mesh, also those that never had an endpoint', async () => {
    const { metrics, attempt, call } = measured();
    const other = testMesh({ users: endpoints(2) }).mesh.service('users');
    attempt({ what: 'ended', upstream: other, endpoint: undefined });
    call({ upstream: other });
    expect(points((await metrics.collect()).get('grpc.client.call.duration'))).toEqual([]);
    attempt({ what: 'ended', endpoint: undefined, durationMs: 1 });
    expect(points((await metrics.collect()).get('grpc.client.attempt.duration'))).toHaveLength(1);
  });
});
