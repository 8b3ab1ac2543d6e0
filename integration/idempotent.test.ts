import { Code, createClient } from '@connectrpc/connect';
import { status } from '@grpc/grpc-js';
import { createMesh, staticResolver } from 'fairlead';
import { createFairleadTransport } from 'fairlead/connect';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Echo, startEchoServers } from './connect/support.js';
import { startServers, type TestServer, until } from './grpc/support.js';
import { EchoMesh } from './grpc/support-mesh.js';
import { Relay } from './harness/index.js';
import { get, startFleet } from './resilience/support.js';

/**
 * `idempotent` means one thing, whoever makes the call: it is repeated elsewhere after a failure,
 * and made elsewhere as well once it had no answer for half a second. Three servers; calls that are
 * not idempotent show that it is not so without.
 */
interface World {
  /** From now on the first server answers by failures. */
  fail(): unknown;
  /** The first server takes what it is sent, and says nothing more. */
  freeze(): unknown;
  /** Calls at once; how many failed. */
  call(idempotent: boolean, calls: number): Promise<number>;
  close(): Promise<void>;
}

/** Long beside half a second, also where the machine is busy. */
const DEADLINE_MS = 5_000;

const failed = (settled: readonly PromiseSettledResult<unknown>[]): number =>
  settled.filter((each) => each.status === 'rejected').length;

async function callWorld(): Promise<World> {
  // Whom the failures eject does not matter here.
  const fleet = await startFleet(3, { policy: 'round_robin', health: [] });
  const { service, servers } = fleet;
  const call = async (idempotent: boolean, calls: number): Promise<number> => {
    const one = (): Promise<unknown> => service.call(get, { idempotent, deadlineMs: DEADLINE_MS });
    return failed(await Promise.allSettled(Array.from({ length: calls }, one)));
  };
  return {
    fail: () => servers[0]!.mode('busy'),
    freeze: () => servers[0]!.process.kill('SIGSTOP'),
    call,
    close: async () => fleet[Symbol.asyncDispose](),
  };
}

async function connectWorld(): Promise<World> {
  const servers = await startEchoServers('a', 'b', 'c');
  const relays = await Promise.all(servers.map((server) => Relay.before(server)));
  const list = relays.map(({ host, port }) => ({ host, port }));
  const services = { echo: { policy: 'round_robin', health: [] } } as const;
  const mesh = createMesh({ resolver: staticResolver({ echo: list }), services });
  const plain = createFairleadTransport(mesh, { service: 'echo' });
  const byOption = createFairleadTransport(mesh, { service: 'echo', idempotent: ({ name }) => name === 'Write' });
  const limit = { timeoutMs: DEADLINE_MS };
  const one = (idempotent: boolean, i: number): Promise<unknown> => {
    if (!idempotent) return createClient(Echo, plain).write({ value: '' }, limit);
    // By the option, and by the idempotency_level of the method.
    if (i % 2 === 0) return createClient(Echo, byOption).write({ value: '' }, limit);
    return createClient(Echo, plain).read({ value: '' }, limit);
  };
  const call = async (idempotent: boolean, calls: number): Promise<number> =>
    failed(await Promise.allSettled(Array.from({ length: calls }, (_, i) => one(idempotent, i))));
  await call(false, 6);
  return {
    fail: () => {
      servers[0]!.code = Code.Unavailable;
    },
    freeze: () => relays[0]!.hold(),
    call,
    close: async () => {
      await Promise.all(relays.map((relay) => relay.cut()));
      for (const transport of [plain, byOption]) transport.close();
      await mesh.close({ deadlineMs: 0 });
      await Promise.all(servers.map((server) => server.kill()));
    },
  };
}

async function grpcWorld(): Promise<World> {
  const servers: TestServer[] = await startServers(3);
  const echo = new EchoMesh(servers, { health: [] });
  const config = (idempotent: boolean) => ({
    'grpc.service_config': JSON.stringify({ methodConfig: [{ name: [{}], idempotent }] }),
  });
  const clients = [false, true].map((idempotent) =>
    echo.connect('fairlead:///echo?policy=round_robin', config(idempotent)),
  );
  const call = async (idempotent: boolean, calls: number): Promise<number> => {
    const client = clients[Number(idempotent)]!;
    const one = (): Promise<unknown> => client.unary({}, undefined, { deadline: Date.now() + DEADLINE_MS });
    const settled = await Promise.allSettled(Array.from({ length: calls }, one));
    return failed(settled);
  };
  await until(async () => {
    const before = await Promise.all(servers.map((server) => server.calls()));
    await Promise.all([call(false, 3), call(true, 3)]);
    const after = await Promise.all(servers.map((server) => server.calls()));
    return after.every((calls, i) => calls === before[i]! + 2);
  }, 'both clients are connected to all servers');
  return {
    fail: () => servers[0]!.set({ code: status.UNAVAILABLE }),
    freeze: () => servers[0]!.signal('SIGSTOP'),
    call,
    close: async () => {
      await echo.close();
      await Promise.all(servers.map((server) => server.stop()));
    },
  };
}

describe.each<[string, () => Promise<World>]>([
  ['service.call()', callWorld],
  ['connect', connectWorld],
  ['gRPC', grpcWorld],
])('idempotent, with %s', (_, make) => {
  let world: World;
  beforeEach(async () => {
    world = await make();
  });
  afterEach(() => world.close());

  it('repeats what failed', async () => {
    await world.fail();
    expect(await world.call(true, 12)).toBe(0);
    expect(await world.call(false, 12)).toBe(4);
  });

  it('makes a call elsewhere as well where a server is frozen, which costs none', async () => {
    world.freeze();
    expect(await world.call(true, 12)).toBe(0);
    expect(await world.call(false, 3)).toBe(1);
  });
});
