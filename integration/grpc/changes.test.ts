import { Metadata, status } from '@grpc/grpc-js';
import { setRoutingKey } from 'fairlead/grpc';
import { afterEach, describe, expect, it } from 'vitest';
import { type Answer, Load, sleep, startServers, type TestServer, tally, until } from './support.js';
import { EchoMesh } from './support-mesh.js';

let servers: TestServer[] = [];
let echo: EchoMesh;
afterEach(async () => {
  await echo.close();
  await Promise.all(servers.map((server) => server.stop()));
});

const RETRY = JSON.stringify({
  methodConfig: [
    {
      name: [{}],
      retryPolicy: {
        maxAttempts: 4,
        initialBackoff: '0.01s',
        maxBackoff: '0.1s',
        backoffMultiplier: 2,
        retryableStatusCodes: ['UNAVAILABLE'],
      },
    },
  ],
});

describe('while calls go on', () => {
  it('endpoints come and go without a failed call, and what is in progress on a removed one finishes', async () => {
    servers = await startServers(4);
    const [a, b, c, d] = servers as [TestServer, TestServer, TestServer, TestServer];
    echo = new EchoMesh([a, b]);
    const client = echo.connect('fairlead:///echo?policy=round_robin');
    await until(async () => (await client.unary()).id === 'a', 'a is connected');
    await until(async () => (await client.unary()).id === 'b', 'b is connected');
    const slow = Array.from({ length: 4 }, () => client.unary({ delayMs: 1_500 }));
    const seen: Answer[] = [];
    const streams = Array.from({ length: 4 }, () =>
      client.serverStream({ count: 15, everyMs: 100 }, (m) => seen.push(m)),
    );
    await until(() => seen.length >= 8, 'streams are flowing');
    await using load = new Load(() => client.unary({ delayMs: 2 }), 20);
    await sleep(150);
    echo.list([a, b, c, d]);
    await sleep(250);
    echo.list([c, d]);
    await sleep(250);
    const before = await Promise.all([a.calls(), b.calls()]);
    await sleep(250);
    const after = await Promise.all([a.calls(), b.calls()]);
    await load.stop();
    expect(load.errors, load.summary).toEqual([]);
    expect(load.ok).toBeGreaterThan(100);
    expect(after).toEqual(before);
    expect(Object.keys(tally(await Promise.all(slow))).sort()).toEqual(['a', 'b']);
    expect((await Promise.all(streams)).map((answers) => answers.length)).toEqual([15, 15, 15, 15]);
    expect(echo.inflight).toBe(0);
  });

  it('a killed server costs at most the calls that were on it', async () => {
    servers = await startServers(3);
    echo = new EchoMesh(servers);
    const client = echo.connect('fairlead:///echo');
    await using load = new Load(() => client.unary({ delayMs: 5 }), 20);
    await until(() => load.ok > 200, 'load is flowing');
    const victim = echo.mesh.service('echo').endpoints.find((endpoint) => endpoint.spec.id === 'b')!;
    const onIt = victim.inflight;
    await servers[1]!.stop();
    const at = load.ok;
    await until(() => load.ok > at + 300, 'the others carry on');
    await load.stop();
    // Calls that were picked between the count and the death come on top; at most the concurrency
    // in all.
    expect(load.errors.length, load.summary).toBeLessThanOrEqual(Math.max(20, onIt));
    expect(load.errors.every((error) => error.code === status.UNAVAILABLE)).toBe(true);
    expect(echo.inflight).toBe(0);
  });

  it('a killed server costs no call where a retry policy allows another attempt', async () => {
    servers = await startServers(3);
    echo = new EchoMesh(servers);
    const client = echo.connect('fairlead:///echo', { 'grpc.service_config': RETRY });
    await using load = new Load(() => client.unary({ delayMs: 5 }), 20);
    await until(() => load.ok > 200, 'load is flowing');
    await servers[1]!.stop();
    const at = load.ok;
    await until(() => load.ok > at + 300, 'the others carry on');
    await load.stop();
    // Where the answer had begun the call is committed (gRFC A6): its server died between the first
    // frame and the last.
    const lost = load.errors.filter((error) => !(error as { answering?: boolean }).answering);
    expect(lost, load.summary).toEqual([]);
  });

  it('a server that says GOAWAY finishes its calls and gets no new ones', async () => {
    servers = await startServers(2);
    echo = new EchoMesh(servers);
    const client = echo.connect('fairlead:///echo');
    await using load = new Load(() => client.unary({ delayMs: 5 }), 20);
    await until(() => load.ok > 100, 'load is flowing');
    await servers[0]!.stop('drain');
    const at = load.ok;
    await until(() => load.ok > at + 100, 'the other carries on');
    await load.stop();
    expect(load.errors, load.summary).toEqual([]);
  });
});

describe('after an outage', () => {
  it('a restarted server is used when discovery tells of it, without waiting for its backoff', async () => {
    servers = await startServers(2);
    const [a, b] = servers as [TestServer, TestServer];
    echo = new EchoMesh(servers);
    // Longer than the test may take.
    const backoff = { 'grpc.initial_reconnect_backoff_ms': 120_000, 'grpc.max_reconnect_backoff_ms': 120_000 };
    const client = echo.connect('fairlead:///echo?policy=round_robin', backoff);
    await until(async () => (await client.unary()).id === 'b', 'both are connected');
    await b.stop();
    // Long enough for an attempt to connect that fails, and begins the backoff.
    await sleep(500);
    await b.start();
    await sleep(200);
    const meanwhile = await Promise.all(Array.from({ length: 6 }, () => client.unary()));
    expect(meanwhile.map(({ id }) => id)).not.toContain('b');
    echo.list([a]);
    echo.list([a, b]);
    await until(async () => (await client.unary()).id === 'b', 'the restarted server answers', 30_000);
  });

  it('lost connections are one failure, not one for each call: a quick restart does not end in ejection', async () => {
    servers = await startServers(2);
    const b = servers[1]!;
    echo = new EchoMesh(servers);
    const ejected: string[] = [];
    echo.mesh.service('echo').on('ejected', (event) => ejected.push(event.endpoint.spec.id));
    const client = echo.connect('fairlead:///echo?policy=round_robin');
    await until(async () => Object.keys(tally([await client.unary(), await client.unary()])).length === 2, 'both up');
    const doomed = Array.from({ length: 20 }, () =>
      client.unary({ delayMs: 5_000 }, undefined, {}).catch((e) => e.code),
    );
    await sleep(100);
    await b.stop();
    const results = await Promise.all(doomed.map((call) => Promise.race([call, sleep(500)])));
    expect(results.filter((code) => code === status.UNAVAILABLE)).toHaveLength(10);
    expect(ejected).toEqual([]);
    expect(echo.mesh.service('echo').endpoints[1]!.failures).toBe(1);
  });

  it('a server that keeps failing is ejected, one that answers NOT_FOUND never', async () => {
    servers = await startServers(3);
    servers[1]!.set({ code: status.UNAVAILABLE });
    servers[2]!.set({ code: status.NOT_FOUND });
    echo = new EchoMesh(servers);
    const client = echo.connect('fairlead:///echo?policy=round_robin');
    const codes: number[] = [];
    for (let i = 0; i < 90; i++)
      codes.push(
        await client.unary().then(
          () => 0,
          (error) => error.code,
        ),
      );
    expect(codes.filter((code) => code === status.UNAVAILABLE)).toHaveLength(5);
    expect(codes.slice(-20).filter((code) => code === status.NOT_FOUND).length).toBeGreaterThanOrEqual(9);
    expect(echo.mesh.service('echo').rotation.map((endpoint) => endpoint.spec.id)).toEqual(['a', 'c']);
  });

  it('an idle channel comes back with the sessions and the health it had', async () => {
    servers = await startServers(3);
    echo = new EchoMesh(servers, { affinity: true });
    const client = echo.connect('fairlead:///echo', { 'grpc.client_idle_timeout_ms': 1_000 });
    const keyed = (): Promise<Answer> => client.unary({}, setRoutingKey(new Metadata(), 'alice'));
    const home = (await keyed()).id;
    const service = echo.mesh.service('echo');
    const calls = service.endpoints.reduce((sum, endpoint) => sum + endpoint.calls, 0);
    await until(() => client.getChannel().getConnectivityState(false) === 0, 'the channel is idle', 5_000);
    expect((await keyed()).id).toBe(home);
    expect(service.endpoints.reduce((sum, endpoint) => sum + endpoint.calls, 0)).toBe(calls + 1);
  });
});

describe('a retry', () => {
  it('goes to an endpoint the call has not tried, even where its session points back', async () => {
    servers = await startServers(3);
    echo = new EchoMesh(servers, { affinity: true, health: [] });
    const client = echo.connect('fairlead:///echo', { 'grpc.service_config': RETRY });
    const metadata = setRoutingKey(new Metadata(), 'alice');
    const home = (await client.unary({}, metadata)).id;
    const server = servers.find(({ id }) => id === home)!;
    server.set({ code: status.UNAVAILABLE });
    const before = await server.calls();
    const answers = await Promise.all(Array.from({ length: 5 }, () => client.unary({}, metadata)));
    expect(answers.every(({ id, attempt }) => id !== home && attempt <= 1)).toBe(true);
    expect((await server.calls()) - before).toBeLessThanOrEqual(5);
  });
});

describe('hedging', () => {
  it('sends its second attempt to another endpoint', async () => {
    servers = await startServers(2);
    // Nobody waits for it: a call that did would outlast the test.
    servers[0]!.set({ delayMs: 120_000 });
    echo = new EchoMesh(servers, { affinity: true });
    const hedgingPolicy = { maxAttempts: 2, hedgingDelay: '0.03s' };
    const config = JSON.stringify({ methodConfig: [{ name: [{}], hedgingPolicy }] });
    const client = echo.connect('fairlead:///echo', { 'grpc.service_config': config });
    await Promise.all(Array.from({ length: 6 }, () => client.unary()));
    for (let i = 0; i < 5; i++) {
      expect((await client.unary({}, setRoutingKey(new Metadata(), `user-${i}`))).id).toBe('b');
    }
    await until(() => echo.inflight === 0, 'the losers are cancelled');
  });
});
