import { Metadata, status } from '@grpc/grpc-js';
import type { PolicyName } from 'fairlead';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { type EchoClient, Load, startServers, type TestServer, until } from './support.js';
import { EchoMesh } from './support-mesh.js';

let servers: TestServer[];
let world: EchoMesh;

beforeAll(async () => {
  servers = await startServers(3, { delayMs: 5 });
});
afterAll(() => Promise.all(servers.map((server) => server.stop())));
afterEach(() => world.close());

async function connect(policy: PolicyName): Promise<EchoClient> {
  world = new EchoMesh(servers, { policy });
  const client = world.connect('fairlead:///echo');
  const seen = new Set<string>();
  await until(async () => seen.add((await client.unary()).id).size === servers.length, 'all are connected');
  return client;
}

/** A call that has so long; how it ended. */
function hurried(client: EchoClient, ms: number): Promise<status> {
  const call = client.unary({}, new Metadata(), { deadline: Date.now() + ms });
  return call.then(
    () => status.OK,
    ({ code }) => code,
  );
}

const states = (): string[] => world.mesh.service('echo').endpoints.map(({ state }) => state);

it.each(['round_robin', 'peak_ewma'] as const)('callers without time left eject no server (%s)', async (policy) => {
  const client = await connect(policy);
  const ejected: string[] = [];
  world.mesh.service('echo').on('ejected', ({ endpoint }) => ejected.push(endpoint.spec.id));
  const codes: status[] = [];
  for (let round = 0; round < 60; round++) {
    const calls = Array.from({ length: 10 }, (_, i) => hurried(client, i === 0 ? 5_000 : i % 2));
    codes.push(...(await Promise.all(calls)));
  }
  expect(codes.filter((code) => code === status.DEADLINE_EXCEEDED).length).toBeGreaterThan(300);
  expect(ejected).toEqual([]);
});

it('a server that hangs is out, although no caller waits for long', async () => {
  const client = await connect('round_robin');
  await using load = new Load(() => hurried(client, 200), 4);
  servers[1]!.signal('SIGSTOP');
  try {
    await until(() => states()[1] === 'ejected', 'it is ejected');
    expect(states()).toEqual(['ready', 'ejected', 'ready']);
  } finally {
    servers[1]!.signal('SIGCONT');
    await load.stop();
  }
});
