import { createMesh, staticResolver } from 'fairlead';
import { createDispatcher } from 'fairlead/http';
import { routeCalls } from 'fairlead/routing';
import { request } from 'undici';
import { expect, it } from 'vitest';
import { until } from '../harness/until.js';
import { Backend } from '../http/support.js';

it('a shadow over HTTP gets copies of safe requests alone, marked, and never answers', async () => {
  await using old = await new Backend('old', (_, response) => void response.end('old')).listen();
  await using fresh = await new Backend('new', (_, response) => void response.writeHead(500).end('new')).listen();
  await using mesh = createMesh({
    resolver: staticResolver({
      users: [
        { id: 'old', host: '127.0.0.1', port: old.port, meta: { version: '1' } },
        { id: 'new', host: '127.0.0.1', port: fresh.port, meta: { version: '2' } },
      ],
    }),
  });
  const routing = routeCalls(mesh.service('users'), {
    split: { name: 'users', arms: { v2: { share: 0, version: '2' } } },
    shadow: { arm: 'v2', share: 100, maxInflight: 1_000 },
  });
  const dispatcher = createDispatcher(mesh);
  for (let i = 0; i < 20; i++) {
    for (const method of ['GET', 'HEAD', 'PUT', 'POST', 'DELETE'] as const) {
      const { statusCode, body } = await request(`http://users/${i}`, { dispatcher, method });
      await body.dump();
      expect(statusCode).toBe(200);
    }
  }
  await until('all copies have ended', () => routing.status.shadow?.failed === 40);
  expect(routing.status.shadow).toMatchObject({ sent: 40, dropped: 0, inflight: 0 });
  expect(old.requests).toHaveLength(100);
  expect(new Set(fresh.requests.map(({ method }) => method))).toEqual(new Set(['GET', 'HEAD']));
  expect(fresh.requests.every(({ headers }) => headers['fairlead-shadow'] === '1')).toBe(true);
  expect(old.requests.some(({ headers }) => 'fairlead-shadow' in headers)).toBe(false);
  expect(mesh.service('users').endpoints.map(({ state, failures }) => [state, failures])).toEqual([
    ['ready', 0],
    ['ready', 0],
  ]);
  await dispatcher.close();
});
