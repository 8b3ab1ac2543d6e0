import { status } from '@grpc/grpc-js';
import { createMesh, staticResolver } from 'fairlead';
import { type GrpcServiceConfig, registerGrpc } from 'fairlead/grpc';
import { instrumentMesh } from 'fairlead/otel';
import { afterEach, expect, it } from 'vitest';
import { CollectedMetrics, points } from '../../test/support/metrics.js';
import { EchoClient, startServers, type TestServer } from './support.js';

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

async function measured(servers: readonly TestServer[], serviceConfig: GrpcServiceConfig, options: object = {}) {
  const metrics = new CollectedMetrics();
  const mesh = createMesh({ resolver: staticResolver({ users: servers.map(({ endpoint }) => endpoint) }) });
  const stop = instrumentMesh(mesh, { meterProvider: metrics.provider });
  const registration = registerGrpc(mesh, { scheme: 'counted', defaults: { serviceConfig } });
  const client = new EchoClient('counted:///users?policy=round_robin', options);
  endings.push(
    () => Promise.all(servers.map((server) => server.stop())),
    () => metrics.close(),
    () => mesh.close({ deadlineMs: 100 }),
    () => registration.close(),
    stop,
    () => client.close(),
  );
  return { client, metrics };
}

const METHOD = { 'grpc.target': 'counted:///users', 'grpc.method': 'test.Echo/Unary' };

it('calls and the bytes of their attempts are measured, compressed as they are sent', async () => {
  const servers = await startServers(1);
  // 2 is gzip: grpc/impl/compression_types.h.
  const { client, metrics } = await measured(servers, {}, { 'grpc.default_compression_algorithm': 2 });
  const request = { text: 'x'.repeat(10_000) };
  const answer = await client.unary(request);
  const all = await metrics.collect();
  const [[labels, sent]] = points(all.get('grpc.client.attempt.sent_total_compressed_message_size')) as [
    [object, { sum: number }],
  ];
  expect(labels).toEqual({ ...METHOD, 'grpc.status': 'OK' });
  expect(sent.sum).toBeGreaterThan(20);
  expect(sent.sum).toBeLessThan(1_000);
  const received = JSON.stringify(answer).length;
  expect(points(all.get('grpc.client.attempt.rcvd_total_compressed_message_size'))).toEqual([
    [
      { ...METHOD, 'grpc.status': 'OK' },
      { count: 1, sum: received },
    ],
  ]);
  expect(points(all.get('grpc.client.call.duration'))).toMatchObject([[labels, { count: 1 }]]);
});

it('retries are counted, and the wait between attempts', async () => {
  const servers = await startServers(3, { code: status.UNAVAILABLE });
  const retryPolicy = {
    maxAttempts: 3,
    initialBackoff: '0.1s',
    maxBackoff: '0.1s',
    backoffMultiplier: 1,
    retryableStatusCodes: ['UNAVAILABLE'],
  };
  const { client, metrics } = await measured(servers, { methodConfig: [{ name: [{}], retryPolicy }] });
  await expect(client.unary()).rejects.toMatchObject({ code: status.UNAVAILABLE });
  const all = await metrics.collect();
  expect(points(all.get('grpc.client.call.retries'))).toEqual([[METHOD, { count: 1, sum: 2 }]]);
  expect(points(all.get('grpc.client.attempt.started'))).toEqual([[METHOD, 3]]);
  const [[, delay]] = points(all.get('grpc.client.call.retry_delay')) as [[object, { sum: number }]];
  // Twice 100 ms, each 20 % more or less.
  expect(delay.sum).toBeGreaterThan(0.15);
  expect(delay.sum).toBeLessThan(0.6);
  expect(points(all.get('grpc.client.call.hedges'))).toEqual([]);
});

it('hedges are counted, and the attempts that lost end as cancelled', async () => {
  const servers = await startServers(3, { delayMs: 400 });
  const hedgingPolicy = { maxAttempts: 3, hedgingDelay: '0.05s' };
  const { client, metrics } = await measured(servers, { methodConfig: [{ name: [{}], hedgingPolicy }] });
  await client.unary();
  const all = await metrics.collect();
  expect(points(all.get('grpc.client.call.hedges'))).toEqual([[METHOD, { count: 1, sum: 2 }]]);
  expect(points(all.get('grpc.client.attempt.duration'))).toMatchObject([
    [{ ...METHOD, 'grpc.status': 'CANCELLED' }, { count: 2 }],
    [{ ...METHOD, 'grpc.status': 'OK' }, { count: 1 }],
  ]);
});

it('a call that never finds a connection is measured as well', async () => {
  const servers = await startServers(1);
  const { client, metrics } = await measured(servers, {});
  await client.unary();
  await servers[0]!.stop();
  await expect(client.unary()).rejects.toMatchObject({ code: status.UNAVAILABLE });
  await expect(client.unary()).rejects.toMatchObject({ code: status.UNAVAILABLE });
  const failed = points((await metrics.collect()).get('grpc.client.call.duration'))[1];
  expect(failed).toMatchObject([{ ...METHOD, 'grpc.status': 'UNAVAILABLE' }, { count: 2 }]);
});
