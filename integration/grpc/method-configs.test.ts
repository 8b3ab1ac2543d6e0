import { status } from '@grpc/grpc-js';
import type { ValueSink } from 'fairlead';
import { withRoutingKey } from 'fairlead';
import { afterEach, describe, expect, it } from 'vitest';
import { type Answer, startServers, type TestServer, tally, until } from './support.js';
import { EchoMesh } from './support-mesh.js';

let servers: TestServer[] = [];
let echo: EchoMesh;
afterEach(async () => {
  await echo.close();
  await Promise.all(servers.map((server) => server.stop()));
});

/** A source of configs that the test is the operator of. */
function operator() {
  let sink: ValueSink | undefined;
  const errors: string[] = [];
  const watch = (_key: string, to: ValueSink): void => {
    sink = to;
  };
  return {
    errors,
    say: (config: object) => sink!.value(JSON.stringify(config)),
    grpc: {
      serviceConfigSource: { name: 'kv', watch },
      onServiceConfigError: (_service: string, error: Error) => void errors.push(error.message),
    },
  };
}

describe('a policy for one method', () => {
  it('picks for it, over the same connections, and the channel’s policy for the others', async () => {
    servers = await startServers(3);
    const methodConfig = [{ name: [{ service: 'test.Echo', method: 'Unary' }], policy: 'consistent_hash' as const }];
    echo = new EchoMesh(servers, {}, { services: { echo: { serviceConfig: { methodConfig } } } });
    const client = echo.connect('fairlead:///echo?policy=round_robin');
    const keyed = (): Promise<Answer[]> =>
      withRoutingKey('user-7', () => Promise.all(Array.from({ length: 30 }, () => client.unary())));
    await client.unary();
    await until(
      async () => Object.keys(tally((await Promise.all([1, 2, 3].map(() => client.bidi([{}])))).flat())).length === 3,
      'all are connected',
    );
    expect(Object.values(tally(await keyed()))).toEqual([30]);
    const streams = await withRoutingKey('user-7', () =>
      Promise.all(Array.from({ length: 30 }, () => client.bidi([{}]))),
    );
    expect(Object.values(tally(streams.flat()))).toEqual([10, 10, 10]);
    for (const server of servers) expect((await server.counts()).connections).toBeLessThanOrEqual(1);
  });

  it('may be changed while calls are made, and one that does not exist changes nothing', async () => {
    servers = await startServers(3);
    const kv = operator();
    echo = new EchoMesh(servers, {}, kv.grpc);
    const client = echo.connect('fairlead:///echo?policy=round_robin');
    const keyed = async (): Promise<number> => {
      const answers = await withRoutingKey('user-7', () =>
        Promise.all(Array.from({ length: 30 }, () => client.unary())),
      );
      return Object.keys(tally(answers)).length;
    };
    await until(async () => (await keyed()) === 3, 'all are connected');
    kv.say({ methodConfig: [{ name: [{}], policy: 'consistent_hash' }] });
    expect(await keyed()).toBe(1);
    kv.say({ methodConfig: [{ name: [{}], policy: 'fastest' }] });
    expect(kv.errors).toHaveLength(1);
    expect(await keyed()).toBe(1);
    kv.say({ methodConfig: [{ name: [{}], policy: { maglev: { tableSize: 1_021 } } }] });
    expect(await keyed()).toBe(1);
    kv.say({});
    expect(await keyed()).toBe(3);
    for (const server of servers) expect((await server.counts()).connections).toBe(1);
  });
});

describe('what grpc-js takes at a resolution', () => {
  const retryPolicy = {
    maxAttempts: 2,
    initialBackoff: '0.001s',
    maxBackoff: '0.001s',
    backoffMultiplier: 1,
    retryableStatusCodes: ['UNAVAILABLE'],
  };

  it('the throttling of retries changes with its config, without a new connection', async () => {
    servers = await startServers(2, { code: status.UNAVAILABLE });
    const kv = operator();
    echo = new EchoMesh(servers, { health: [] }, kv.grpc);
    const client = echo.connect('fairlead:///echo');
    const attempts = async (): Promise<number> => {
      const before = await Promise.all(servers.map((server) => server.calls()));
      for (let i = 0; i < 20; i++) await client.unary().catch(() => {});
      const after = await Promise.all(servers.map((server) => server.calls()));
      return after.reduce((sum, calls) => sum + calls, 0) - before.reduce((sum, calls) => sum + calls, 0);
    };
    await client.unary().catch(() => {});
    kv.say({ methodConfig: [{ name: [{}], retryPolicy }] });
    expect(await attempts()).toBe(40);
    kv.say({ methodConfig: [{ name: [{}], retryPolicy }], retryThrottling: { maxTokens: 10, tokenRatio: 0.1 } });
    // Five failures take the tokens below the half: the fifth and all later ones are not repeated.
    expect(await attempts()).toBeLessThan(25);
    kv.say({ methodConfig: [{ name: [{}], retryPolicy }] });
    expect(await attempts()).toBe(40);
    for (const server of servers) expect((await server.counts()).connections).toBe(1);
  });

  it('whom to ask for health changes with its config: those that do not serve leave, the others stay meanwhile', async () => {
    servers = [...(await startServers(2, { health: 1 }))];
    servers[1]!.set({ health: 2 });
    const kv = operator();
    echo = new EchoMesh(servers, {}, kv.grpc);
    const client = echo.connect('fairlead:///echo?policy=round_robin');
    const used = async (): Promise<string> =>
      Object.keys(tally(await Promise.all(Array.from({ length: 8 }, () => client.unary()))))
        .sort()
        .join();
    await until(async () => (await used()) === 'a,b', 'nobody is asked');
    kv.say({ healthCheckConfig: { serviceName: 'test.Echo' } });
    expect(await used()).not.toBe('');
    await until(async () => (await used()) === 'a', 'b says that it does not serve');
    expect((await servers[0]!.counts()).asked).toEqual(['\n\ttest.Echo']);
    kv.say({});
    await until(async () => (await used()) === 'a,b', 'nobody is asked any more');
    await until(async () => (await servers[0]!.counts()).watchers === 0, 'the watch has ended');
  });
});

it('the options of a service are merged over the defaults, which stay where it says nothing', async () => {
  servers = await startServers(2);
  servers[0]!.set({ code: status.UNAVAILABLE });
  const defaults = { keyHeader: 'x-user', serviceConfig: { methodConfig: [{ name: [{}], idempotent: true }] } };
  const methodConfig = [{ name: [{ service: 'test.Echo' }], timeout: '5s' }];
  echo = new EchoMesh(servers, { health: [] }, { defaults, services: { echo: { serviceConfig: { methodConfig } } } });
  const client = echo.connect('fairlead:///echo?policy=round_robin');
  await until(
    () =>
      client.unary().then(
        () => true,
        () => false,
      ),
    'b is connected',
  );
  for (let i = 0; i < 10; i++) expect((await client.unary()).id).toBe('b');
});
