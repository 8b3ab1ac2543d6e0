import { credentials, Metadata, status } from '@grpc/grpc-js';
import {
  affinityTokens,
  createMesh,
  definePolicy,
  type Endpoint,
  type Mesh,
  type ServiceOptions,
  type StaticResolver,
  staticResolver,
  withRoutingKey,
} from 'fairlead';
import { type GrpcOptions, registerGrpc, setPreferredEndpoint, setRoutingKey } from 'fairlead/grpc';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { EchoClient, startServers, type TestServer, tally, until } from './support.js';

let servers: TestServer[];
beforeAll(async () => {
  servers = await startServers(3);
});
afterAll(() => Promise.all(servers.map((server) => server.stop())));

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function setUp(service: ServiceOptions = {}, grpc: GrpcOptions = {}): { mesh: Mesh; resolver: StaticResolver } {
  const resolver = staticResolver({ echo: servers.map((server) => server.endpoint) });
  const mesh = createMesh({ resolver, services: { echo: service }, policies: [byKey] });
  const registration = registerGrpc(mesh, grpc);
  cleanups.push(
    () => mesh.close({ deadlineMs: 100 }),
    () => registration.close(),
  );
  return { mesh, resolver };
}

function connect(...args: ConstructorParameters<typeof EchoClient>): EchoClient {
  const client = new EchoClient(...args);
  cleanups.push(() => client.close());
  return client;
}

/** All connections up, so that counts are exact. */
async function warm(mesh: Mesh, client: EchoClient): Promise<void> {
  await until(async () => {
    await Promise.all(Array.from({ length: 6 }, () => client.unary()));
    return mesh.service('echo').endpoints.every((endpoint) => endpoint.calls > 0);
  }, 'every endpoint has been called');
}

let seeKey: (key: unknown) => void = () => {};

/** Always takes the first endpoint, and says which keys it is asked with. */
const byKey = definePolicy('by_key', () => ({
  name: 'by_key',
  needsLatency: false,
  create: () => {
    let ready: readonly Endpoint[] = [];
    return {
      update: (rotation) => {
        ready = rotation.ready;
      },
      pick: ({ key }) => {
        seeKey(key);
        return ready[0]!;
      },
    };
  },
}));

const times = <T>(count: number, run: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => run(i));

describe('a grpc-js client of fairlead:///service', () => {
  it('spreads calls over all endpoints, call by call', async () => {
    const { mesh } = setUp({ policy: 'round_robin' });
    const client = connect('fairlead:///echo');
    await warm(mesh, client);
    expect(tally(await Promise.all(times(300, () => client.unary())))).toEqual({ a: 100, b: 100, c: 100 });
    expect(mesh.service('echo').endpoints.map((endpoint) => endpoint.inflight)).toEqual([0, 0, 0]);
  });

  it('spreads a burst evenly: calls count from the pick, not from when their stream opens', async () => {
    const { mesh } = setUp({ policy: 'least_request' });
    const client = connect('fairlead:///echo');
    await warm(mesh, client);
    const counts = Object.values(tally(await Promise.all(times(60, () => client.unary({ delayMs: 20 })))));
    expect(counts).toHaveLength(3);
    expect(Math.max(...counts)).toBeLessThanOrEqual(26);
  });

  it('is explained by the channel that calls: the endpoints that it is connected to, and its policy', async () => {
    const resolver = staticResolver({ echo: [...servers.map((server) => server.endpoint), '127.0.0.1:1'] });
    const mesh = createMesh({ resolver, services: { echo: { health: [] } } });
    const registration = registerGrpc(mesh);
    cleanups.push(
      () => mesh.close({ deadlineMs: 100 }),
      () => registration.close(),
    );
    expect(registration.explain('echo').policy).toBe('least_request');
    const client = connect('fairlead:///echo?policy=round_robin', credentials.createInsecure());
    await until(async () => {
      await Promise.all(Array.from({ length: 6 }, () => client.unary()));
      return mesh.service('echo').endpoints.filter(({ calls }) => calls > 0).length === 3;
    }, 'three of four have been called');
    const explanation = registration.explain('echo');
    expect(explanation.policy).toBe('round_robin');
    expect(explanation.candidates.filter(({ excluded }) => excluded === 'subset')).toMatchObject([
      { endpoint: '127.0.0.1:1' },
    ]);
    // One call at a time: what was explained is what is picked.
    for (let i = 0; i < 4; i++) {
      const { chosen } = registration.explain('echo');
      expect((await client.unary()).id).toBe(chosen);
    }
  });

  it('carries all four kinds of call', async () => {
    const { mesh } = setUp();
    const client = connect('fairlead:///echo');
    expect((await client.unary()).authority).toBe('echo');
    expect((await client.serverStream({ count: 5 })).map((answer) => answer.n)).toEqual([0, 1, 2, 3, 4]);
    expect((await client.clientStream([{}, {}, {}])).count).toBe(3);
    expect((await client.bidi([{ x: 1 }, { x: 2 }])).map((answer) => answer.echo)).toEqual([{ x: 1 }, { x: 2 }]);
    expect(mesh.service('echo').endpoints.reduce((sum, endpoint) => sum + endpoint.inflight, 0)).toBe(0);
  });

  it('takes the policy from the query, from the service config, or from code, in that order', async () => {
    const { mesh } = setUp({}, { services: { echo: { policy: 'by_key' } } });
    const serviceConfig = JSON.stringify({ loadBalancingConfig: [{ unknown_elsewhere: {} }, { round_robin: {} }] });
    const byCode = connect('fairlead:///echo');
    const byConfig = connect('fairlead:///echo', { 'grpc.service_config': serviceConfig });
    const byQuery = connect('fairlead:///echo?policy=by_key', { 'grpc.service_config': serviceConfig });
    await warm(mesh, byConfig);
    await Promise.all([byCode.unary(), byQuery.unary()]);
    expect(tally(await Promise.all(times(30, () => byConfig.unary())))).toEqual({ a: 10, b: 10, c: 10 });
    expect(Object.keys(tally(await Promise.all(times(30, () => byCode.unary()))))).toHaveLength(1);
    expect(Object.keys(tally(await Promise.all(times(30, () => byQuery.unary()))))).toHaveLength(1);
  });

  it('goes to the endpoint that the caller prefers, as an affinity token says, while that can be used', async () => {
    const { mesh, resolver } = setUp();
    const client = connect('fairlead:///echo');
    await warm(mesh, client);
    const service = mesh.service('echo');
    const tokens = affinityTokens({ keys: [{ id: 'a', secret: 'x'.repeat(32) }], audience: 'echo' });
    for (const endpoint of service.endpoints) {
      const token = tokens.issue(endpoint);
      const prefer = (): Metadata => setPreferredEndpoint(new Metadata(), tokens.read(token, service.endpoints));
      const answers = await Promise.all(times(20, () => client.unary({}, prefer())));
      expect(new Set(answers.map(({ id }) => id))).toEqual(new Set([endpoint.spec.id]));
    }
    const gone = servers[0]!.endpoint.id;
    resolver.update(
      'echo',
      servers.slice(1).map((server) => server.endpoint),
    );
    const elsewhere = await client.unary({}, setPreferredEndpoint(new Metadata(), gone));
    expect(elsewhere.id).not.toBe(gone);
    const spread = await Promise.all(
      times(40, () => client.unary({}, setPreferredEndpoint(new Metadata(), undefined))),
    );
    expect(new Set(spread.map(({ id }) => id)).size).toBe(2);
  });

  it('keeps a session on its endpoint by header, by metadata options, and by async context', async () => {
    const { mesh } = setUp({ affinity: true });
    const client = connect('fairlead:///echo?keyHeader=x-user');
    await warm(mesh, client);
    const header = (user: string): Metadata => {
      const metadata = new Metadata();
      metadata.set('x-user', user);
      return metadata;
    };
    const byHeader = await Promise.all(times(20, () => client.unary({}, header('alice'))));
    const byOptions = await Promise.all(times(20, () => client.unary({}, setRoutingKey(new Metadata(), 'alice'))));
    const byContext = await withRoutingKey('alice', () => Promise.all(times(20, () => client.unary())));
    expect(Object.keys(tally([...byHeader, ...byOptions, ...byContext]))).toHaveLength(1);
    const users = await Promise.all(times(60, (i) => client.unary({}, header(`user-${i}`))));
    expect(Object.keys(tally(users))).toHaveLength(3);
  });

  it('never gives a call that was made before the first connection the key of another', async () => {
    setUp({ policy: 'by_key' });
    const keys: unknown[] = [];
    seeKey = (key) => keys.push(key);
    const client = connect('fairlead:///echo');
    const early = ['alice', 'bob', undefined].map((key) => withRoutingKey(key, () => client.unary()));
    await Promise.all(early);
    expect(keys).toEqual(['alice', 'bob', undefined]);
    keys.length = 0;
    await Promise.all(['alice', 'bob', undefined].map((key) => withRoutingKey(key, () => client.unary())));
    expect(keys).toEqual(['alice', 'bob', undefined]);
  });

  it('takes service options from the query once, and refuses others later', async () => {
    const { mesh } = setUp();
    connect('fairlead:///echo?affinity=true&affinity.ttlMs=60000');
    connect('fairlead:///echo?affinity.ttlMs=60000&affinity=true');
    expect(mesh.services.size).toBe(1);
    expect(() => connect('fairlead:///echo?affinity=true')).toThrow(/exists already with other options/);
  });

  it('merges methodConfig of the channel with that of code', async () => {
    setUp({}, { defaults: { serviceConfig: { methodConfig: [{ name: [{}], timeout: '0.15s' }] } } });
    const methodConfig = [{ name: [{ service: 'test.Echo' }], waitForReady: true }];
    const client = connect('fairlead:///echo', { 'grpc.service_config': JSON.stringify({ methodConfig }) });
    await client.unary();
    const error = await client.unary({ delayMs: 2_000 }).catch((thrown) => thrown);
    expect(error.code).toBe(status.DEADLINE_EXCEEDED);
  });

  it('fails calls at once, saying why, when the service has no endpoint', async () => {
    setUp({}, { discoveryTimeoutMs: 50 });
    const client = connect('fairlead:///nobody');
    const error = await client.unary().catch((thrown) => thrown);
    expect(error.code).toBe(status.UNAVAILABLE);
    expect(error.details).toMatch(/'nobody' are not known: staticResolver has no list for 'nobody'/);
  });

  it('tells of every endpoint that cannot be reached', async () => {
    const { resolver } = setUp();
    resolver.update('dead', [{ id: 'gone', host: '127.0.0.1', port: 1 }]);
    const error = await connect('fairlead:///dead')
      .unary()
      .catch((thrown) => thrown);
    expect(error.code).toBe(status.UNAVAILABLE);
    expect(error.details).toMatch(/No connection to any of the 1 endpoints of service 'dead' \(gone: .*ECONNREFUSED/);
  });
});

describe('a target that is wrong', () => {
  const cases: [target: string, options: Record<string, unknown>, message: RegExp][] = [
    ['fairlead:///echo?polcy=random', {}, /echo\.polcy is not an option: there are policy, keyHeader/],
    ['fairlead:///echo?policy=fastest', {}, /policy is "fastest": allowed is one of round_robin, /],
    ['fairlead:///echo?policy=peak_ewma&policy.decayMs=-1', {}, /peak_ewma\.decayMs is -1: allowed is a number from 1/],
    ['fairlead:///echo?affinity=maybe', {}, /affinity is "maybe"/],
    ['fairlead:///echo?maxEjectionRatio=7', {}, /maxEjectionRatio is 7: allowed is a number from 0 to 1/],
    ['fairlead:///echo?__proto__=1', {}, /__proto__ is not an option/],
    ['fairlead://echo', {}, /names no service: write fairlead:\/\/\/service/],
    ['fairlead://consul/echo', {}, /has an authority \("consul"\)/],
    [
      'fairlead:///echo',
      { loadBalancingConfig: [{ least_connection: {} }] },
      /least_connection.*allowed is fairlead, /,
    ],
    ['fairlead:///echo', { loadBalancingPolicy: 'pick_first' }, /"pick_first": allowed is fairlead, round_robin/],
    [
      'fairlead:///echo',
      { loadBalancingConfig: [{ fairlead: { policy: 'fastest' } }] },
      /"fastest": allowed is one of/,
    ],
    [
      'fairlead:///echo',
      { methodConfig: [{ name: [{}], timeOut: '1s' }] },
      /methodConfig\[0\]\.timeOut is not an option/,
    ],
    ['fairlead:///echo', { methodConfig: [{ name: [{}], maxRequestBytes: 1 }] }, /maxRequestBytes is not an option/],
  ];
  for (const [target, serviceConfig, message] of cases) {
    it(`makes the client's constructor throw: ${target} ${JSON.stringify(serviceConfig)}`, () => {
      setUp();
      expect(() => connect(target, { 'grpc.service_config': JSON.stringify(serviceConfig) })).toThrow(message);
    });
  }

  it('in code is refused by registerGrpc', () => {
    const mesh = createMesh();
    expect(() => registerGrpc(mesh, { scheme: 'Fair Lead' })).toThrow(/scheme is "Fair Lead": allowed is a URI scheme/);
    expect(() => registerGrpc(mesh, { services: { echo: { polcy: 'random' } as never } })).toThrow(
      /echo\.polcy is not an/,
    );
    const methodConfig = [{ name: [{}], timeout: '1 second' }];
    expect(() => registerGrpc(mesh, { defaults: { serviceConfig: { methodConfig } } })).toThrow(
      /timeout is "1 second"/,
    );
  });

  it('cannot take a scheme that another mesh has', () => {
    setUp();
    expect(() => registerGrpc(createMesh())).toThrow(/'fairlead' is registered already/);
  });
});
