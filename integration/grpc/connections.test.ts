import { status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { Load, Mute, sleep, startServers, TestServer, tally, until } from './support.js';
import { EchoMesh } from './support-mesh.js';

let servers: TestServer[] = [];
let echo: EchoMesh;
const mutes: Mute[] = [];
afterEach(async () => {
  await echo.close();
  await Promise.all(servers.map((server) => server.stop()));
  await Promise.all(mutes.splice(0).map((mute) => mute.stop()));
});

describe('a peer that accepts and never speaks', () => {
  it('gets no call, keeps no socket, and is used as soon as there is a server in its place', async () => {
    servers = await startServers(1);
    const mute = await new Mute().start();
    mutes.push(mute);
    echo = new EchoMesh(servers, {}, { defaults: { connectTimeoutMs: 150 } });
    const late = new TestServer({ id: 'late' });
    late.port = mute.port;
    echo.list([...servers, late]);
    const client = echo.connect('fairlead:///echo?policy=round_robin');
    expect(tally(await Promise.all(Array.from({ length: 20 }, () => client.unary())))).toEqual({ a: 20 });
    await until(() => mute.accepted >= 6, 'several attempts timed out', 15_000);
    // The one that is being tried, and the last one while its end is on its way.
    expect(mute.sockets.size).toBeLessThanOrEqual(2);
    await mute.stop();
    mutes.pop();
    servers.push(await late.start());
    await until(async () => (await client.unary()).id === 'late', 'the late server is used');
  });

  it('fails calls with the reason when it is the only one, instead of letting them hang', async () => {
    const mute = await new Mute().start();
    mutes.push(mute);
    echo = new EchoMesh([], {}, { defaults: { connectTimeoutMs: 100 } });
    echo.resolver.update('echo', [{ id: 'mute', host: '127.0.0.1', port: mute.port }]);
    const error = await echo
      .connect('fairlead:///echo')
      .unary()
      .catch((thrown) => thrown);
    expect(error.code).toBe(status.UNAVAILABLE);
    expect(error.details).toMatch(/\(mute: no HTTP\/2 connection within 100 ms\)/);
  });
});

describe('a service with an aperture', () => {
  it('is connected to within it only', async () => {
    const all = await Promise.all(Array.from({ length: 6 }, () => new Mute().start()));
    mutes.push(...all);
    echo = new EchoMesh([], { aperture: { size: 2 } }, { defaults: { connectTimeoutMs: 100 } });
    echo.resolver.update(
      'echo',
      all.map(({ port }) => ({ host: '127.0.0.1', port })),
    );
    await echo
      .connect('fairlead:///echo')
      .unary()
      .catch(() => {});
    await until(() => all.filter(({ accepted }) => accepted >= 2).length === 2, 'two are being tried');
    expect(all.filter(({ accepted }) => accepted > 0)).toHaveLength(2);
  });
});

describe('with a health service to ask', () => {
  it('an endpoint is used only while it says that it serves', async () => {
    servers = [
      ...(await startServers(1, { health: 1 })),
      await new TestServer({ id: 'b', health: 2 }).start(),
      await new TestServer({ id: 'c' }).start(),
    ];
    const b = servers[1]!;
    echo = new EchoMesh(servers, {}, { services: { echo: { healthService: 'test.Echo' } } });
    const client = echo.connect('fairlead:///echo?policy=round_robin');
    const used = async (): Promise<string[]> =>
      Object.keys(tally(await Promise.all(Array.from({ length: 12 }, () => client.unary())))).sort();
    // c has no such service, which is not held against it.
    await until(async () => (await used()).join() === 'a,c', 'those that serve are used');
    expect((await b.counts()).asked).toEqual(['\n\ttest.Echo']);
    await using load = new Load(() => client.unary({ delayMs: 2 }), 8);
    b.set({ health: 1 });
    await until(async () => (await used()).join() === 'a,b,c', 'b is used when it says so');
    b.set({ health: 2 });
    await until(async () => (await used()).join() === 'a,c', 'and no longer when it says not');
    await load.stop();
    expect(load.errors, load.summary).toEqual([]);
  });

  it('which no endpoint says is well, calls fail with the reason', async () => {
    servers = await startServers(1, { health: 2 });
    echo = new EchoMesh(servers);
    const config = JSON.stringify({ healthCheckConfig: { serviceName: '' } });
    const client = echo.connect('fairlead:///echo', { 'grpc.service_config': config });
    const error = await client.unary().catch((thrown) => thrown);
    expect(error.details).toMatch(/\(a: its health service says NOT_SERVING\)/);
  });

  it('a watch that the server ends in good order is opened again, the endpoint not used meanwhile', async () => {
    servers = [...(await startServers(1)), await new TestServer({ id: 'b', health: 1, endWatch: true }).start()];
    const b = servers[1]!;
    echo = new EchoMesh(servers);
    const client = echo.connect('fairlead:///echo?policy=round_robin&healthService=""');
    const used = async (): Promise<string> =>
      Object.keys(tally(await Promise.all(Array.from({ length: 8 }, () => client.unary()))))
        .sort()
        .join();
    await client.unary();
    await until(async () => (await b.counts()).asked.length === 1, 'b was asked');
    await sleep(100);
    expect(await used()).toBe('a');
    b.set({ endWatch: false });
    await until(async () => (await used()) === 'a,b', 'b is asked again');
    expect((await b.counts()).asked.length).toBeGreaterThan(1);
  });

  it('the watch ends with the channel and comes back with the server', async () => {
    servers = await startServers(1, { health: 1 });
    const [a] = servers as [TestServer];
    echo = new EchoMesh(servers);
    const client = echo.connect('fairlead:///echo?healthService=""');
    await client.unary();
    await a.stop();
    await sleep(50);
    await a.start();
    await until(
      () =>
        client.unary().then(
          () => true,
          () => false,
        ),
      'the server is used again',
    );
    expect((await a.counts()).watchers).toBe(1);
    client.close();
    await until(async () => (await a.counts()).watchers === 0, 'the watch has ended');
  });
});

describe('when a connection has no room for more calls', () => {
  it('another is opened to the endpoint, as many as are allowed', async () => {
    servers = await startServers(1, { streams: 10, delayMs: 20 });
    const [a] = servers as [TestServer];
    echo = new EchoMesh(servers);
    const client = echo.connect('fairlead:///echo?maxConnections=3&streamsPerConnection=10');
    await using load = new Load(() => client.unary(), 60);
    await until(async () => (await a.counts()).connections === 3, 'three connections are used');
    await sleep(200);
    await load.stop();
    expect(load.errors, load.summary).toEqual([]);
    expect((await a.counts()).connections).toBe(3);
  });

  it('none is opened unless that is asked for', async () => {
    servers = await startServers(1, { streams: 10, delayMs: 20 });
    const [a] = servers as [TestServer];
    echo = new EchoMesh(servers);
    const client = echo.connect('fairlead:///echo');
    await Promise.all(Array.from({ length: 60 }, () => client.unary()));
    expect((await a.counts()).connections).toBe(1);
  });
});
