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
  it('uses a server that was down within 200 ms of Consul saying that it passes', async () => {
    const mesh = createMesh({ resolver: consulResolver({ address: consul.url }) });
    const registration = registerGrpc(mesh);
    const client = new EchoClient('fairlead:///echo?policy=round_robin');
    try {
      const [, b] = servers as [TestServer, TestServer];
      const service = mesh.service('echo');
      await until(async () => (await client.unary()).id === 'b', 'b answers');
      await b.stop();
      await check(b, 'fail');
      await until(() => service.endpoints.length === 2, 'Consul took it away');
      await sleep(2_500);
      await b.start();
      await sleep(200);
      let seen = Number.NaN;
      const load = new Load(async () => {
        const { id } = await client.unary();
        if (id === 'b' && Number.isNaN(seen)) seen = performance.now();
      }, 4);
      expect(Number.isNaN(seen)).toBe(true);
      const saidAt = performance.now();
      await check(b, 'pass');
      await until(() => !Number.isNaN(seen), 'b answers again', 5_000);
      await load.stop();
      expect(seen - saidAt).toBeLessThan(200);
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
      const load = new Load(() => client.unary({ delayMs: 5 }), 20);
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
