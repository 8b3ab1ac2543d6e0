import { createMesh, staticResolver } from 'fairlead';
import { registerGrpc } from 'fairlead/grpc';
import { instrumentMesh } from 'fairlead/otel';
import { expect, it } from 'vitest';
import { CollectedMetrics, points } from '../../test/support/metrics.js';
import { EchoClient, startServers, until } from './support.js';

it('the attempts and connections of a gRPC channel are measured, and what opened is closed', async () => {
  const servers = await startServers(2);
  const metrics = new CollectedMetrics();
  const mesh = createMesh({ resolver: staticResolver({ users: servers.map(({ endpoint }) => endpoint) }) });
  const stop = instrumentMesh(mesh, { meterProvider: metrics.provider });
  const registration = registerGrpc(mesh, { scheme: 'measured' });
  const client = new EchoClient('measured:///users?policy=round_robin');
  const target = { 'grpc.target': 'measured:///users' };
  const value = async (name: string): Promise<unknown> => points((await metrics.collect()).get(name))[0]?.[1];
  try {
    for (let i = 0; i < 10; i++) await client.unary();
    const all = await metrics.collect();
    const method = { ...target, 'grpc.method': 'test.Echo/Unary' };
    expect(points(all.get('grpc.client.attempt.started'))).toEqual([[method, 10]]);
    const ended = [
      [
        { ...method, 'grpc.status': 'OK' },
        { count: 10, sum: expect.any(Number) },
      ],
    ];
    expect(points(all.get('grpc.client.attempt.duration'))).toEqual(ended);
    await until(async () => (await value('grpc.subchannel.open_connections')) === 2, 'both are connected');

    await servers[0]!.stop();
    await until(async () => (await value('grpc.subchannel.disconnections')) === 1, 'the loss is seen');
    await until(
      async () => Number(await value('grpc.subchannel.connection_attempts_failed')) >= 1,
      'it is tried again',
    );
    expect(await value('grpc.subchannel.open_connections')).toBe(1);
    client.close();
    await until(async () => (await value('grpc.subchannel.open_connections')) === 0, 'the channel lets go');
  } finally {
    stop();
    client.close();
    registration.close();
    await mesh.close({ deadlineMs: 100 });
    await metrics.close();
    await Promise.all(servers.map((server) => server.stop()));
  }
});
