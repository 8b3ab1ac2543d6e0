import { createMesh, type Mesh, Outcome, staticResolver } from 'fairlead';
import { createGateway } from 'fairlead/gateway';
import { registerGrpc } from 'fairlead/grpc';
import { monitorMesh } from 'fairlead/monitor';
import { createPool } from 'fairlead/mysql/promise';
import { ShardedRedis } from 'fairlead/redis';
import { afterEach, expect, it } from 'vitest';
import { startRedis } from '../harness/index.js';
import { ask, startAdmin, stateAt, TOKEN } from './support.js';

const ENDPOINTS = ['10.0.0.1:1', '10.0.0.2:1', '10.0.0.3:1'];
let mesh: Mesh;

afterEach(() => mesh.close({ deadlineMs: 0 }));

const at = async (port: number, query: Record<string, string>) => {
  const { status, body } = await ask(port, `/api/explain?${new URLSearchParams(query)}`);
  return { status, ...JSON.parse(body) };
};

it('a gateway, gRPC and a pool say what they would do with what is put to them', async () => {
  mesh = createMesh({
    resolver: staticResolver({ users: ENDPOINTS, db: [{ id: 'db0', host: '127.0.0.1', port: 1 }] }),
    defaults: { policy: 'rendezvous' },
  });
  const gateway = createGateway(mesh, {
    routes: [
      { name: 'users', match: { path: '/users/*' }, service: 'users', key: { header: 'x-user' } },
      { name: 'old', match: { path: '/old' }, redirect: { status: 301, path: '/users' } },
    ],
  });
  registerGrpc(mesh, { scheme: 'explained', services: { users: { keyHeader: 'x-user' } } });
  const pool = createPool(mesh, { service: 'db', user: 'nobody', database: 'app' });
  try {
    const { port } = await startAdmin(mesh);
    const { parts } = await stateAt(port);
    expect(parts['gateway gateway']!.asks).toEqual({ fields: ['method', 'host', 'path'], headers: true });
    expect(parts['mysql db']!.asks).toEqual({ fields: ['sql'], headers: false });
    const asked = { part: 'gateway gateway', path: '/users/7', label: 'X-User: ada' };
    const request = await at(port, asked);
    expect(request).toMatchObject({ status: 200, part: 'gateway gateway', route: 'users', action: 'forward' });
    // The same key goes to the same endpoint, whichever way it comes.
    const { chosen } = mesh.service('users').explain({ key: 'ada' });
    expect(request.explanation.chosen).toBe(chosen);
    expect(await at(port, { ...asked, path: '/old' })).toMatchObject({ action: 'redirect', route: 'old' });
    const call = await at(port, { part: 'grpc explained', service: 'users', method: '/x.Y/Z', label: 'x-user:ada' });
    expect(call.explanation.chosen).toBe(chosen);
    expect(await at(port, { part: 'mysql db', sql: 'INSERT INTO t VALUES (1)' })).toMatchObject({
      part: 'mysql db',
      target: 'primary',
      keepsSession: false,
    });
    for (const [query, status] of [
      [{ part: 'mysql db' }, 400],
      [{ part: 'gateway gateway' }, 400],
      [{ part: 'grpc explained', service: 'nothing' }, 400],
      [{ part: 'grpc explained', service: 'users', label: 'not a name:x' }, 400],
      [{ part: 'mysql nothing', sql: 'SELECT 1' }, 404],
      [{ part: '__proto__', sql: 'SELECT 1' }, 404],
    ] as const) {
      expect((await at(port, query as never)).status, JSON.stringify(query)).toBe(status);
    }
    expect(mesh.services.has('nothing')).toBe(false);
  } finally {
    await pool.end();
    await gateway.close({ deadlineMs: 0 });
  }
});

it('a client of Redis says which shard has a key, two of one name apart', async () => {
  await using server = await startRedis();
  const shards = ['a', 'b'].map((id) => ({ id, host: server.host, port: server.port }));
  mesh = createMesh({ resolver: staticResolver({ cache: shards }) });
  const clients = [1, 2].map(() => new ShardedRedis(mesh, { service: 'cache' }));
  try {
    const { port } = await startAdmin(mesh);
    for (const client of clients) await client.set('user:42', 'ada');
    for (const part of ['redis cache', 'redis cache 2']) {
      const { owner, because } = await at(port, { part, key: 'user:42' });
      expect(owner).toBe(clients[0]!.explain('user:42').owner);
      expect(because).toBeDefined();
    }
  } finally {
    for (const client of clients) client.disconnect();
  }
});

it('a service that records its decisions exports its flight, and the one that an alert froze', async () => {
  mesh = createMesh({ resolver: staticResolver({ users: ENDPOINTS, orders: ENDPOINTS }) });
  const users = mesh.service('users', { policy: 'round_robin', recorder: true });
  mesh.service('orders');
  const { port } = await startAdmin(mesh);
  const flight = async (query: string) => {
    const { status, body } = await ask(port, `/api/flight?${query}`);
    return { status, body: JSON.parse(body) };
  };
  for (let i = 0; i < 5; i++) users.acquire({ key: 'ada' }).done(Outcome.Success);
  // The clocks of calendar and mesh are looked at one after the other.
  const { fromMs, ...expected } = JSON.parse(JSON.stringify(users.flight!.read()));
  const { body } = await flight('service=users');
  expect(body).toMatchObject(expected);
  expect(Math.abs(body.fromMs - fromMs)).toBeLessThan(1_000);
  expect((await flight('service=users&frozen=latest')).status).toBe(404);
  expect((await flight('service=orders')).body.error.message).toContain('recorder');
  users.flight!.freeze('error_rate: 7 % fail');
  users.acquire().done(Outcome.Success);
  expect((await flight('service=users&frozen=latest')).body).toMatchObject({
    reason: 'error_rate: 7 % fail',
    by: { length: 5 },
  });
});

it('alerts are silenced with who and why, and told of again by hand or when it is over', async () => {
  mesh = createMesh({ resolver: staticResolver({ users: ENDPOINTS }) });
  mesh.service('users');
  const monitor = monitorMesh(mesh);
  const { port } = await startAdmin(mesh, { token: TOKEN, monitor });
  const change = async (name: string, body: object, token = TOKEN) => {
    const headers = { authorization: `Bearer ${token}` };
    const asked = await ask(port, `/api/${name}`, { method: 'POST', headers, body });
    return { status: asked.status, body: JSON.parse(asked.body) };
  };
  const silence = { rule: 'no_endpoint', subject: 'users', forMs: 600_000, by: 'mara', reason: 'moving' };
  expect((await change('silence', silence, 'another-token-than-this')).status).toBe(401);
  expect((await change('silence', { ...silence, rule: 'nope' })).status).toBe(400);
  const { body } = await change('silence', silence);
  expect(body).toEqual({ ok: true, silence: 1 });
  const { silences, events } = await stateAt(port);
  expect(silences).toMatchObject({ 1: { rule: 'no_endpoint', subject: 'users', by: 'mara', reason: 'moving' } });
  expect(Object.values(events).at(-1)).toMatchObject({ text: 'no_endpoint silenced by mara for 10 min: moving' });
  expect((await change('unsilence', body)).status).toBe(400);
  expect((await change('unsilence', { silence: 1 })).body).toEqual({ ok: true, changed: true });
  expect((await change('unsilence', { silence: 1 })).body).toEqual({ ok: true, changed: false });
  expect((await stateAt(port)).silences).toEqual({});
  monitor.close();
});
