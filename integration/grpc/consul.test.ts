import { createMesh } from 'fairlead';
import { consulResolver } from 'fairlead/consul';
import { registerGrpc } from 'fairlead/grpc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Consul, startConsul } from '../harness/index.js';
import { EchoClient, Load, sleep, startServers, type TestServer, until } from './support.js';

let consul: Consul;
let servers: TestServer[];
const check = (server: TestServer, state: 'pass' | 'fail'): Promise<unknown> =>
  consul.api('PUT', `/v1/agent/check/${state}/service:${server.id}`);

beforeAll(async () => {
  [consul, servers] = await Promise.all([startConsul(), startServers(3)]);
  for (const { id, port } of servers) {
    const Check = { TTL: '600s', Status: 'passing' };
    await consul.register({ ID: id, Name: 'echo', Address: '127.0.0.1', Port: port, Check });
  }
});
afterAll(async () => {
  await Promise.all(servers.map((server) => server.stop()));
  await consul.stop();
});

describe('a gRPC client over Consul', () => {
  it('uses a server that was down as soon as Consul says that it passes, not after its backoff', async () => {
    const mesh = createMesh({ resolver: consulResolver({ address: consul.url }) });
    const registration = registerGrpc(mesh);
    const backoff = { 'grpc.initial_reconnect_backoff_ms': 600_000, 'grpc.max_reconnect_backoff_ms': 600_000 };
    const client = new EchoClient('fairlead:///echo?policy=round_robin', backoff);
    try {
      const [, b] = servers as [TestServer, TestServer];
      const service = mesh.service('echo');
      await until(async () => (await client.unary()).id === 'b', 'b answers');
      await b.stop();
      await check(b, 'fail');
      await until(() => service.usedEndpoints.length === 2, 'Consul calls it unhealthy');
      await b.start();
      let seen = false;
      await using load = new Load(async () => {
        const { id } = await client.unary();
        seen ||= id === 'b';
      }, 4);
      await sleep(200);
      expect(seen).toBe(false);
      await check(b, 'pass');
      await until(() => seen, 'b answers again');
      await load.stop();
      expect(load.errors, load.summary).toEqual([]);
    } finally {
      client.close();
      registration.close();
      await mesh.close({ deadlineMs: 100 });
    }
  });

  it('follows a deploy by deregistration without a failed call', async () => {
    const mesh = createMesh({ resolver: consulResolver({ address: consul.url }) });
    const registration = registerGrpc(mesh);
    const client = new EchoClient('fairlead:///echo');
    try {
      const service = mesh.service('echo');
      await using load = new Load(() => client.unary({ delayMs: 5 }), 20);
      await until(() => load.ok > 50, 'load is flowing');
      const victim = servers[2]!;
      await consul.deregister(victim.id);
      await until(() => service.endpoints.length === 2, 'Consul took it away');
      await until(async () => {
        const before = await victim.calls();
        await sleep(100);
        return (await victim.calls()) === before;
      }, 'it gets no more calls');
      await victim.stop();
      await sleep(200);
      await load.stop();
      expect(load.errors, load.summary).toEqual([]);
    } finally {
      client.close();
      registration.close();
      await mesh.close({ deadlineMs: 100 });
    }
  });
});
