import { type Client, Code, createClient } from '@connectrpc/connect';
import { createMesh, type Mesh, type StaticResolver, staticResolver } from 'fairlead';
import { createFairleadTransport, type FairleadTransport, type FairleadTransportOptions } from 'fairlead/connect';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Echo, type EchoServer, startEchoServers, until } from './support.js';

let servers: EchoServer[];
let mesh: Mesh;
let resolver: StaticResolver;
let transport: FairleadTransport;

beforeEach(async () => {
  servers = await startEchoServers('a', 'b');
});
afterEach(async () => {
  transport.close();
  await mesh.close({ deadlineMs: 100 });
  await Promise.all(servers.map((server) => server.kill()));
});

function connect(options: Omit<FairleadTransportOptions, 'service'> = {}): Client<typeof Echo> {
  resolver = staticResolver({ echo: servers.map(({ endpoint }) => endpoint) });
  mesh = createMesh({ resolver, services: { echo: { policy: 'least_request' } } });
  transport = createFairleadTransport(mesh, { service: 'echo', ...options });
  return createClient(Echo, transport);
}

const endpoints = () => mesh.service('echo').endpoints;
const inflight = (): number => endpoints().reduce((sum, endpoint) => sum + endpoint.inflight, 0);
const noneInFlight = (): Promise<void> => until(() => inflight() === 0, 'no call is counted in flight');

describe('a call that its caller leaves is over', () => {
  it('though nothing is collected, when its server has said all', async () => {
    const client = connect();
    for (let i = 0; i < 10; i++) {
      for await (const _ of client.count({ value: '5' })) break;
    }
    await noneInFlight();
  });

  it('when its server has said all, though it was never read, and can be read then', async () => {
    const client = connect();
    const iterator = client.count({ value: '5' })[Symbol.asyncIterator]();
    await iterator.next();
    await noneInFlight();
    let more = 0;
    while (!(await iterator.next()).done) more++;
    expect(more).toBe(4);
  });

  it('by its signal, in its own turn too', async () => {
    const client = connect();
    const abort = new AbortController();
    const stream = client.count({ value: '1000000' }, { signal: abort.signal });
    const read = async (): Promise<void> => {
      for await (const _ of stream) abort.abort();
    };
    await expect(read()).rejects.toMatchObject({ code: Code.Canceled });
    await noneInFlight();
    await until(() => servers.every(({ streams }) => streams === 0), 'the server hears of it');
    const calls = servers.map((server) => server.calls);
    const early = new AbortController();
    const call = client.read({ value: 'x' }, { signal: early.signal });
    early.abort();
    await expect(call).rejects.toMatchObject({ code: Code.Canceled });
    await noneInFlight();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(servers.map((server) => server.calls)).toEqual(calls);
  });

  it('when its server is gone, though nobody reads, which counts against that server once', async () => {
    const client = connect();
    const streams = Array.from({ length: 6 }, () => client.count({ value: '1000000' })[Symbol.asyncIterator]());
    await Promise.all(streams.map((stream) => stream.next()));
    await servers[0]!.kill();
    await until(() => endpoints()[0]!.inflight === 0, 'its calls are over');
    expect(endpoints().map(({ failures }) => failures)).toEqual([1, 0]);
    expect(endpoints()[1]!.inflight).toBe(3);
  });
});

it.each(['grpc', 'connect'] as const)('a response may be read after its endpoint has left (%s)', async (protocol) => {
  const client = connect({ protocol });
  const stream = client.count({ value: '20' })[Symbol.asyncIterator]();
  await stream.next();
  resolver.update('echo', []);
  await new Promise((resolve) => setTimeout(resolve, 300));
  let more = 0;
  while (!(await stream.next()).done) more++;
  expect(more).toBe(19);
  await until(() => servers.every(({ sessions }) => sessions.size === 0), 'its connection is closed then');
});
