import { status } from '@grpc/grpc-js';
import { createMesh, type EndpointInput, type Mesh, staticResolver } from 'fairlead';
import { registerGrpc } from 'fairlead/grpc';
import { createDispatcher } from 'fairlead/http';
import { type Canary, type Routing, routeCalls, startCanary } from 'fairlead/routing';
import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EchoClient, startServers, type TestServer } from '../grpc/support.js';
import { Backend } from '../http/support.js';

/** Looks often: what a real canary does in minutes. */
const QUICK = {
  arm: 'v2',
  lookEveryMs: 100,
  steps: [
    { share: 20, minMs: 300, minCalls: 50 },
    { share: 50, minMs: 300, minCalls: 100 },
    { share: 100, minMs: 300, minCalls: 100 },
  ],
};

interface World {
  readonly mesh: Mesh;
  readonly routing: Routing;
  /** One call; resolves with the version that answered, or fails. */
  readonly call: () => Promise<unknown>;
  setBad(bad: boolean): void;
  close(): Promise<void>;
}

const withVersions = (endpoints: readonly { id: string; host: string; port: number }[]): EndpointInput[] =>
  endpoints.map((each, i) => ({ ...each, meta: { version: i === endpoints.length - 1 ? '2' : '1' } }));

function routed(endpoints: readonly { id: string; host: string; port: number }[]): { mesh: Mesh; routing: Routing } {
  const mesh = createMesh({
    resolver: staticResolver({ users: withVersions(endpoints) }),
    // Ejection takes a bad instance out as well, and sooner: here the judge is to be seen at work.
    defaults: { health: [] },
  });
  const split = { name: 'users', arms: { v2: { share: 0, version: '2' } } };
  return { mesh, routing: routeCalls(mesh.service('users'), { split }) };
}

async function overHttp(): Promise<World> {
  let bad = false;
  const backends = await Promise.all(
    ['a', 'b', 'new'].map((id) =>
      new Backend(id, (_, response) => {
        if (id === 'new' && bad && Math.random() < 0.4) response.statusCode = 500;
        response.end(id);
      }).listen(),
    ),
  );
  const { mesh, routing } = routed(backends.map(({ id, port }) => ({ id, host: '127.0.0.1', port })));
  const dispatcher = createDispatcher(mesh);
  return {
    mesh,
    routing,
    call: async () => {
      const { statusCode, body } = await request('http://users/', { dispatcher });
      await body.text();
      if (statusCode !== 200) throw new Error(String(statusCode));
    },
    setBad: (now) => {
      bad = now;
    },
    close: async () => {
      await dispatcher.close();
      await mesh.close({ deadlineMs: 1_000 });
      await Promise.all(backends.map((each) => each[Symbol.asyncDispose]()));
    },
  };
}

async function overGrpc(servers: readonly TestServer[]): Promise<World> {
  const { mesh, routing } = routed(servers.map(({ endpoint }) => endpoint));
  const registration = registerGrpc(mesh, { scheme: 'fairlead-canary' });
  const client = new EchoClient('fairlead-canary:///users');
  return {
    mesh,
    routing,
    call: () => client.unary({}),
    setBad: (now) => servers.at(-1)!.set({ code: now ? status.INTERNAL : status.OK }),
    close: async () => {
      client.close();
      registration.close();
      await mesh.close({ deadlineMs: 1_000 });
    },
  };
}

/** Calls, twenty at once, until the canary is through or out. Returns how many failed. */
async function callUntilOver(world: World, canary: Canary): Promise<{ calls: number; failed: number }> {
  let calls = 0;
  let failed = 0;
  const worker = async (): Promise<void> => {
    while (canary.status.state === 'running') {
      calls++;
      await world.call().catch(() => failed++);
    }
  };
  await Promise.all(Array.from({ length: 20 }, worker));
  return { calls, failed };
}

let servers: TestServer[];
beforeAll(async () => {
  servers = await startServers(3);
});
afterAll(() => Promise.all(servers.map((server) => server.stop())));

describe.each([
  ['HTTP', overHttp],
  ['gRPC', () => overGrpc(servers)],
])('a canary over %s', (_, make) => {
  it('that is well takes over step by step, and no call fails', async () => {
    await using world = disposable(await make());
    const canary = startCanary(world.routing, QUICK);
    const { failed } = await callUntilOver(world, canary);
    expect(canary.status).toMatchObject({ state: 'passed', share: 100 });
    expect(failed).toBe(0);
    expect(world.routing.status.arms.v2!.calls).toBeGreaterThan(250);
  });

  it('that fails is out at once, and the calls after it all succeed', async () => {
    await using world = disposable(await make());
    world.setBad(true);
    const canary = startCanary(world.routing, QUICK);
    const { calls, failed } = await callUntilOver(world, canary);
    expect(canary.status).toMatchObject({ state: 'rolled_back', share: 0, step: 0 });
    expect(canary.status.reason).toMatch(/calls failed, against/);
    expect(failed).toBeGreaterThan(0);
    expect(failed / calls).toBeLessThan(0.35);
    for (let i = 0; i < 200; i++) await world.call();
    world.setBad(false);
  });
});

function disposable(world: World): World & AsyncDisposable {
  return { ...world, [Symbol.asyncDispose]: () => world.close() };
}
