import { channel } from 'node:diagnostics_channel';
import { Outcome } from 'fairlead';
import type { GrpcConnectionMessage } from 'fairlead/grpc';
import { instrumentMesh } from 'fairlead/otel';
import { afterEach, describe, expect, it } from 'vitest';
import { endpoints, testMesh } from '../../support/mesh.js';
import { CollectedMetrics, points } from '../../support/metrics.js';

const endings: (() => unknown)[] = [];
afterEach(() => Promise.all(endings.splice(0).map((end) => end())));

function instrumented(options: Parameters<typeof testMesh>[1] = {}) {
  const world = testMesh({ users: endpoints(4) }, options);
  const metrics = new CollectedMetrics();
  const stop = instrumentMesh(world.mesh, { meterProvider: metrics.provider });
  endings.push(stop, () => metrics.close());
  return { ...world, metrics, stop };
}

/** gRFC A66, "Buckets for histograms in default views": the ends and the number of them. */
const A66 = { first: 0, second: 0.00001, last: 100, count: 41 };

describe("fairlead's own metrics", () => {
  it('tell the duration of calls in seconds, by service and outcome, in the buckets of gRFC A66', async () => {
    const { mesh, clock, metrics } = instrumented({ defaults: { measureLatency: true } });
    const lease = mesh.service('users').acquire();
    clock.advance(250);
    lease.done(Outcome.Success);
    const duration = (await metrics.collect()).get('fairlead.call.duration')!;
    expect(duration.descriptor.unit).toBe('s');
    expect(points(duration)).toEqual([
      [
        { 'fairlead.service': 'users', 'fairlead.outcome': 'success' },
        { count: 1, sum: 0.25 },
      ],
    ]);
    const { boundaries } = (duration.dataPoints[0]!.value as { buckets: { boundaries: number[] } }).buckets;
    expect([boundaries[0], boundaries[1], boundaries.at(-1), boundaries.length]).toEqual([
      A66.first,
      A66.second,
      A66.last,
      A66.count,
    ]);
    expect([...boundaries].sort((a, b) => a - b)).toEqual(boundaries);
  });

  it('have the duration though no policy of the service measures it', async () => {
    const { mesh, metrics } = instrumented({ defaults: { policy: 'round_robin', health: [] } });
    mesh.service('users').acquire().done(Outcome.Success);
    expect(points((await metrics.collect()).get('fairlead.call.duration'))).toHaveLength(1);
  });

  it('show the calls in flight and the state of each endpoint, also of services made later', async () => {
    const { mesh, metrics } = instrumented();
    const lease = mesh.service('users', { policy: 'round_robin' }).acquire();
    const all = await metrics.collect();
    const inflight = points(all.get('fairlead.endpoint.inflight'));
    expect(inflight).toHaveLength(4);
    expect(inflight).toContainEqual([{ 'fairlead.service': 'users', 'fairlead.endpoint': lease.endpoint.spec.id }, 1]);
    const ready = points(all.get('fairlead.endpoint.state')).filter(([, value]) => value === 1);
    expect(ready.map(([labels]) => (labels as Record<string, string>)['fairlead.endpoint.state'])).toEqual(
      Array.from({ length: 4 }, () => 'ready'),
    );
    expect(points(all.get('fairlead.endpoint.state'))).toHaveLength(20);
  });

  it('are bounded where endpoints come and go, and add up to what there is', async () => {
    const { mesh, metrics, resolver } = instrumented();
    mesh.service('users');
    for (let day = 0; day < 60; day++) {
      resolver.update(
        'users',
        Array.from({ length: 50 }, (_, i) => ({ id: `d${day}-${i}`, host: '127.0.0.1', port: 5_000 + i })),
      );
      await metrics.collect();
    }
    const state = points((await metrics.collect()).get('fairlead.endpoint.state'));
    expect(state.length).toBeLessThanOrEqual(101 * 5);
    expect(state.reduce((sum, [, value]) => sum + (value as number), 0)).toBe(50);
  });

  it('count ejections by endpoint and signal', async () => {
    const { mesh, metrics } = instrumented();
    const users = mesh.service('users', { policy: 'round_robin' });
    for (let i = 0; i < 40; i++) {
      const lease = users.acquire();
      lease.done(lease.endpoint.spec.id === 'e1' ? Outcome.Failure : Outcome.Success);
    }
    expect(points((await metrics.collect()).get('fairlead.endpoint.ejections'))).toEqual([
      [{ 'fairlead.service': 'users', 'fairlead.endpoint': 'e1', 'fairlead.signal': 'consecutive_failures' }, 1],
    ]);
  });

  it('leave out the calls of another mesh, though its service has the same name', async () => {
    const { mesh, metrics } = instrumented({ defaults: { measureLatency: true } });
    const other = testMesh({ users: endpoints(4) }, { defaults: { measureLatency: true } }).mesh;
    other.service('users').acquire().done(Outcome.Success);
    expect(points((await metrics.collect()).get('fairlead.call.duration'))).toEqual([]);
    mesh.service('users').acquire().done(Outcome.Success);
    other.service('users').acquire().done(Outcome.Success);
    expect(points((await metrics.collect()).get('fairlead.call.duration'))).toMatchObject([[{}, { count: 1 }]]);
  });

  it('end when it is stopped, and nobody listens any more', async () => {
    const { mesh, metrics, stop } = instrumented({ defaults: { measureLatency: true } });
    mesh.service('users').acquire().done(Outcome.Success);
    stop();
    mesh.service('users').acquire().done(Outcome.Success);
    const all = await metrics.collect();
    expect(points(all.get('fairlead.call.duration'))).toMatchObject([[{}, { count: 1 }]]);
    for (const name of [
      'fairlead:call',
      'fairlead:endpoint',
      'fairlead:grpc:call',
      'fairlead:grpc:attempt',
      'fairlead:grpc:connection',
    ]) {
      expect(channel(name).hasSubscribers, name).toBe(false);
    }
  });

  it('refuse what is no meter provider', () => {
    const { mesh } = testMesh({});
    expect(() => instrumentMesh(mesh, {} as never)).toThrow(/instrumentMesh\.meterProvider is undefined/);
  });
});

describe("gRPC's metrics", () => {
  const target = 'fairlead:///users';

  it('of endpoints and connections have the names, units and labels of gRFC A91 and A94', async () => {
    const { mesh, metrics } = instrumented();
    const service = mesh.service('users', { policy: 'round_robin' });
    const endpoint = service.endpoints[1]!;
    const connection = (what: GrpcConnectionMessage['what']): void =>
      channel('fairlead:grpc:connection').publish({ service: 'users', target, endpoint, what });
    connection('failed');
    connection('connected');
    connection('connected');
    connection('disconnected');
    connection('closed');
    connection('connected');
    for (let i = 0; i < 40; i++) {
      const lease = service.acquire();
      lease.done(lease.endpoint === endpoint ? Outcome.Failure : Outcome.Success);
    }
    const all = await metrics.collect();
    const seen = [...all.values()]
      .filter(({ descriptor }) => descriptor.name.startsWith('grpc.'))
      .map((metric) => [metric.descriptor.name, metric.descriptor.unit, points(metric)]);
    const channelOnly = { 'grpc.target': target };
    const ejection = { ...channelOnly, 'grpc.lb.outlier_detection.detection_method': 'consecutive_failures' };
    expect(seen).toEqual([
      ['grpc.lb.outlier_detection.ejections_enforced', '{ejection}', [[ejection, 1]]],
      ['grpc.subchannel.connection_attempts_succeeded', '{attempt}', [[channelOnly, 3]]],
      ['grpc.subchannel.connection_attempts_failed', '{attempt}', [[channelOnly, 1]]],
      [
        'grpc.subchannel.disconnections',
        '{disconnection}',
        [
          [channelOnly, 1],
          [{ ...channelOnly, 'grpc.disconnect_error': 'subchannel shutdown' }, 1],
        ],
      ],
      ['grpc.subchannel.open_connections', '{connection}', [[channelOnly, 1]]],
    ]);
  });

  it('tell why an ejection was not carried out', async () => {
    const { mesh, metrics } = instrumented();
    const service = mesh.service('users', { policy: 'round_robin', maxEjectionRatio: 0.25 });
    const message = { service: 'users', target, endpoint: service.endpoints[0], what: 'connected' };
    channel('fairlead:grpc:connection').publish(message);
    for (let i = 0; i < 40; i++) {
      const lease = service.acquire();
      lease.done(Number(lease.endpoint.spec.id.slice(1)) < 2 ? Outcome.Failure : Outcome.Success);
    }
    const unenforced = points((await metrics.collect()).get('grpc.lb.outlier_detection.ejections_unenforced'));
    expect(unenforced).toMatchObject([
      [
        {
          'grpc.target': target,
          'grpc.lb.outlier_detection.detection_method': 'consecutive_failures',
          'grpc.lb.outlier_detection.unenforced_reason': 'max_ejection_overflow',
        },
        expect.any(Number),
      ],
    ]);
  });
});
