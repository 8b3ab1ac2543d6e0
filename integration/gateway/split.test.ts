import { createMesh, staticResolver } from 'fairlead';
import { createGateway } from 'fairlead/gateway';
import { routeCalls } from 'fairlead/routing';
import { expect, it } from 'vitest';
import { Origin } from './origin.js';
import { RawClient } from './support.js';

it('a split of the service holds for requests and upgrades, by their headers', async () => {
  await using one = await Origin.of('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1');
  await using two = await Origin.of('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2');
  const resolver = staticResolver({
    users: [
      { id: 'one', host: '127.0.0.1', port: one.port, meta: { version: '1' } },
      { id: 'two', host: '127.0.0.1', port: two.port, meta: { version: '2' } },
    ],
  });
  await using mesh = createMesh({ resolver });
  const rules = [{ arm: 'v2', labels: { 'x-beta': 'yes' } }];
  routeCalls(mesh.service('users'), { split: { name: 'test', arms: { v2: { share: 0, version: '2' } }, rules } });
  const gateway = createGateway(mesh, { routes: [{ service: 'users' }] });
  const port = await gateway.listen(0, '127.0.0.1');
  const ask = async (...headers: string[]): Promise<string> => {
    using client = await RawClient.to(port);
    const head = ['GET / HTTP/1.1', 'Host: h', ...headers].join('\r\n');
    return (await client.send(`${head}\r\n\r\n`).response()).body;
  };
  const upgrade = ['Connection: Upgrade', 'Upgrade: websocket'];
  for (let i = 0; i < 4; i++) {
    expect(await ask('X-Beta: yes')).toBe('2');
    expect(await ask()).toBe('1');
    expect(await ask('X-Beta: yes', ...upgrade)).toBe('2');
    expect(await ask(...upgrade)).toBe('1');
  }
  await gateway.close({ deadlineMs: 0 });
});

it('a lane that a second line of baggage names holds for requests and upgrades', async () => {
  await using base = await Origin.of('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1');
  await using lane = await Origin.of('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2');
  const resolver = staticResolver({
    users: [
      { id: 'base', host: '127.0.0.1', port: base.port },
      { id: 'lane', host: '127.0.0.1', port: lane.port, meta: { lane: 'x' } },
    ],
  });
  await using mesh = createMesh({ resolver });
  routeCalls(mesh.service('users'), { lanes: true });
  const gateway = createGateway(mesh, { routes: [{ service: 'users' }] });
  const port = await gateway.listen(0, '127.0.0.1');
  for (const more of [[], ['Connection: Upgrade', 'Upgrade: websocket']]) {
    using client = await RawClient.to(port);
    const head = ['GET / HTTP/1.1', 'Host: h', 'Baggage: tenant=7', 'Baggage: lane=x', ...more].join('\r\n');
    expect((await client.send(`${head}\r\n\r\n`).response()).body).toBe('2');
  }
  await gateway.close({ deadlineMs: 0 });
});
