import type { DataPoint, Histogram } from '@opentelemetry/sdk-metrics';
import { createMesh, staticResolver } from 'fairlead';
import { registerGrpc } from 'fairlead/grpc';
import { instrumentMesh } from 'fairlead/otel';
import { afterEach, describe, expect, it } from 'vitest';
import { CollectedMetrics, points } from '../../test/support/metrics.js';
import { EchoClient, startServers, TestServer, tally, until } from './support.js';

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

const LOAD_REPORTS = { blackoutMs: 0, updateMs: 100 };

async function connect(target: string, servers: readonly TestServer[], metrics?: CollectedMetrics) {
  const mesh = createMesh({
    resolver: staticResolver({ echo: servers.map(({ endpoint }) => endpoint) }),
    services: { echo: { policy: { weighted_round_robin: { loadReports: LOAD_REPORTS } } } },
  });
  const stop = metrics && instrumentMesh(mesh, { meterProvider: metrics.provider });
  const registration = registerGrpc(mesh);
  const client = new EchoClient(target);
  endings.push(
    () => Promise.all(servers.map((server) => server.stop())),
    () => mesh.close({ deadlineMs: 100 }),
    () => registration.close(),
    () => stop?.(),
    () => client.close(),
  );
  return async (): Promise<string> => {
    const answers = await Promise.all(Array.from({ length: 60 }, () => client.unary()));
    return JSON.stringify(Object.entries(tally(answers)).sort());
  };
}

describe('weighted_round_robin with load reports', () => {
  it('gives shares by them, and the mean to an endpoint without one; its weights are measured', async () => {
    const servers = [
      ...(await startServers(1, { load: [300, 0.5] })),
      await new TestServer({ id: 'b', load: [100, 0.5] }).start(),
      await new TestServer({ id: 'c' }).start(),
    ];
    const metrics = new CollectedMetrics();
    endings.push(() => metrics.close());
    const shares = await connect('fairlead:///echo', servers, metrics);
    await until(async () => (await shares()) === '[["a",30],["b",10],["c",20]]', '3:1:2');
    const all = await metrics.collect();
    const [{ attributes, value }] = all.get('grpc.lb.wrr.endpoint_weights')!.dataPoints as [DataPoint<Histogram>];
    expect(attributes).toEqual({ 'grpc.target': 'fairlead:///echo' });
    // Requests over utilization.
    expect(value.max).toBe(600);
    expect(Number(points(all.get('grpc.lb.wrr.endpoint_weight_not_yet_usable'))[0]?.[1])).toBeGreaterThan(0);
  });

  it("takes those that grpc-js's own servers send apart from calls, and then none that come with calls", async () => {
    const servers = [
      ...(await startServers(1, { oob: [300, 0.5], load: [1, 1] })),
      await new TestServer({ id: 'b', oob: [100, 0.5], load: [1, 1] }).start(),
      await new TestServer({ id: 'c', load: [1_000, 0.1] }).start(),
    ];
    const shares = await connect('fairlead:///echo?oobReportingPeriodMs=100', servers);
    await until(async () => (await shares()) === '[["a",30],["b",10],["c",20]]', '3:1:2');
  });
});
