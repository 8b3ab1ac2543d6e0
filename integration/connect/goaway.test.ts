import { type Client, Code, ConnectError, createClient } from '@connectrpc/connect';
import { createMesh, type Mesh, type ServiceOptions, staticResolver, systemClock } from 'fairlead';
import { createFairleadTransport, type FairleadTransport, type FairleadTransportOptions } from 'fairlead/connect';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Sessions } from '../../adapters/connect/sessions.js';
import { Echo, type EchoServer, startEchoServers, until } from './support.js';

let servers: EchoServer[];
let mesh: Mesh;
let transport: FairleadTransport;

beforeEach(async () => {
  servers = await startEchoServers('a', 'b', 'c');
});
afterEach(async () => {
  transport?.close();
  await mesh?.close({ deadlineMs: 100 });
  await Promise.all(servers.map((server) => server.kill()));
});

function connect(
  service: ServiceOptions = { policy: 'round_robin' },
  options: Omit<FairleadTransportOptions, 'service'> = {},
): Client<typeof Echo> {
  const resolver = staticResolver({ echo: servers.map(({ endpoint }) => endpoint) });
  mesh = createMesh({ resolver, services: { echo: service } });
  transport = createFairleadTransport(mesh, { service: 'echo', ...options });
  return createClient(Echo, transport);
}

const states = (): string[] => mesh.service('echo').endpoints.map(({ state }) => state);
const failures = (): number[] => mesh.service('echo').endpoints.map((endpoint) => endpoint.failures);
const request = { value: 'x' };

describe.each(['grpc', 'connect'] as const)('over %s', (protocol) => {
  it('a server that says GOAWAY in good order loses no call and stays in rotation', async () => {
    const client = connect(undefined, { protocol });
    await Promise.all(Array.from({ length: 9 }, () => client.write(request)));
    const errors: string[] = [];
    const calls: Promise<unknown>[] = [];
    for (let round = 0; round < 40; round++) {
      for (let i = 0; i < 10; i++) calls.push(client.write(request).catch((error) => errors.push(String(error))));
      if (round % 10 === 5) for (const session of servers[0]!.sessions) session.close();
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await Promise.all(calls);
    expect(errors).toEqual([]);
    expect(states()).toEqual(['ready', 'ready', 'ready']);
    expect(failures()).toEqual([0, 0, 0]);
  });

  it('all servers may say GOAWAY to a burst of calls at once, and no call fails', async () => {
    const client = connect(undefined, { protocol });
    await Promise.all(Array.from({ length: 9 }, () => client.write(request)));
    const before = servers.reduce((sum, { calls }) => sum + calls, 0);
    const calls = Array.from({ length: 400 }, () => client.write(request).catch(String));
    for (const server of servers) for (const session of server.sessions) session.close();
    const answers = await Promise.all(calls);
    expect(answers.filter((each) => typeof each === 'string')).toEqual([]);
    // Not one was made twice, although a write may not be.
    expect(servers.reduce((sum, { calls }) => sum + calls, 0) - before).toBe(400);
    expect(failures()).toEqual([0, 0, 0]);
  });

  it('a lost connection with ten calls on it is one failure', async () => {
    const client = connect(undefined, { protocol });
    const abort = new AbortController();
    const streams = Array.from({ length: 30 }, async () => {
      for await (const _ of client.count({ value: '1000000' }, { signal: abort.signal })) {
        // Reads on.
      }
    });
    const ended = Promise.allSettled(streams);
    await until(() => servers.every((server) => server.streams === 10), 'all streams run');
    await servers[0]!.kill();
    await until(() => failures()[0] !== 0, 'the loss is told');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(failures()).toEqual([1, 0, 0]);
    expect(states()).toEqual(['ready', 'ready', 'ready']);
    abort.abort();
    const lost = (await ended).filter(
      (each) => each.status === 'rejected' && ConnectError.from(each.reason).code === Code.Unavailable,
    );
    expect(lost).toHaveLength(10);
  });
});

it('a session that ends by GOAWAY as its endpoint leaves throws at nobody', async () => {
  const sessions = new Sessions(systemClock, `http://127.0.0.1:${servers[0]!.endpoint.port}`);
  const stream = await sessions.request('POST', '/', {}, {});
  const session = stream.session!;
  const streamClosed = new Promise((resolve) => stream.on('error', () => {}).once('close', resolve));
  stream.close();
  await streamClosed;
  const closed = new Promise((resolve) => session.once('close', resolve));
  // As connect-node does at a GOAWAY.
  session.destroy(new ConnectError('received GOAWAY without any open streams', Code.Canceled));
  sessions.abort();
  await closed;
});
