import { status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { EchoClient, startServers, type TestServer, tally } from '../grpc/support.js';
import { inflight } from '../http/support.js';
import { gatewayOver, type Running } from './support.js';

let servers: TestServer[] = [];
let running: Running;
let client: EchoClient;
afterEach(async () => {
  client.close();
  await running[Symbol.asyncDispose]();
  await Promise.all(servers.map((server) => server.stop()));
});

async function setUp(count: number, options: Parameters<typeof gatewayOver>[1] = {}): Promise<void> {
  servers = await startServers(count);
  running = await gatewayOver(
    servers.map(({ port }) => port),
    options,
    { policy: 'round_robin' },
  );
  client = new EchoClient(`127.0.0.1:${running.port}`);
}

describe('gRPC through the gateway', () => {
  it('carries calls of all four kinds, each to an endpoint of its own', async () => {
    await setUp(2);
    const answers = [];
    for (let i = 0; i < 4; i++) answers.push(await client.unary());
    expect(tally(answers)).toEqual({ a: 2, b: 2 });
    expect(answers[0]!.authority).toBe(`127.0.0.1:${running.port}`);
    expect((await client.serverStream({ count: 5 })).map(({ n }) => n)).toEqual([0, 1, 2, 3, 4]);
    expect(await client.clientStream([{}, {}, {}])).toMatchObject({ count: 3 });
    expect((await client.bidi([{ x: 1 }, { x: 2 }])).map(({ echo }) => echo)).toEqual([{ x: 1 }, { x: 2 }]);
    expect(inflight(running.mesh)).toBe(0);
  });

  it('passes on the status and the message of a call that fails', async () => {
    await setUp(1);
    const failed = client.unary({ code: status.NOT_FOUND });
    await expect(failed).rejects.toMatchObject({ code: status.NOT_FOUND, details: 'told to answer 5' });
  });
});
