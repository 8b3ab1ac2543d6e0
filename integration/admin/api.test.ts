import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createMesh, type Mesh, Outcome, staticResolver } from 'fairlead';
import { type AdminEndpoint, type AdminState, createAdmin } from 'fairlead/admin';
import { createConfigStore } from 'fairlead/config';
import { monitorMesh } from 'fairlead/monitor';
import { routeCalls, startCanary } from 'fairlead/routing';
import fastify from 'fastify';
import { afterEach, describe, expect, it } from 'vitest';
import { until as waitUntil } from '../harness/index.js';
import { ask, Follower, post, startAdmin, stateAt, TOKEN } from './support.js';

const until = (look: () => unknown, timeoutMs?: number): Promise<unknown> => waitUntil(String(look), look, timeoutMs);
const ENDPOINTS = ['10.0.0.1:1', '10.0.0.2:1', '10.0.0.3:1'];
const open: Mesh[] = [];

function makeMesh(lists: Record<string, readonly unknown[]> = { users: ENDPOINTS }): Mesh {
  const mesh = createMesh({ resolver: staticResolver(lists as never), defaults: { policy: 'round_robin' } });
  open.push(mesh);
  for (const name of Object.keys(lists)) mesh.service(name);
  return mesh;
}

const call = (mesh: Mesh, times: number, outcome: Outcome = Outcome.Success): void => {
  for (let i = 0; i < times; i++) mesh.service('users').acquire().done(outcome);
};

afterEach(async () => {
  for (const mesh of open.splice(0)) await mesh.close({ deadlineMs: 0 });
});

describe('the state', () => {
  it('has services, endpoints with state and reason, parts, events and versions', async () => {
    const mesh = makeMesh();
    const config = createConfigStore(mesh);
    const monitor = monitorMesh(mesh);
    mesh.register({
      kind: 'own',
      name: 'part',
      figures: () => ({ held: 3, odd: Number.NaN }),
      topology: () => ({ a: ['b'] }),
    });
    const { port } = await startAdmin(mesh, { token: TOKEN, config, monitor });
    await config.apply({ services: { users: { panicThreshold: 0.1 } } }, { author: 'mara' });
    await stateAt(port);
    call(mesh, 6);
    for (let i = 0; i < 5; i++) mesh.service('users').acquire({ prefer: '10.0.0.1:1' }).done(Outcome.Failure);
    const state = await stateAt(port);
    const users = state.services.users!;
    expect(users).toMatchObject({
      policy: 'round_robin',
      ready: 2,
      panic: false,
      source: 'static',
      calls: 11,
      failures: 5,
    });
    expect(users.endpoints['10.0.0.1:1']).toMatchObject({
      state: 'ejected',
      reason: 'consecutive_failures',
      weight: 1,
      effectiveWeight: 1,
      calls: 7,
    });
    expect(users.endpoints['10.0.0.1:1']!.stateUntilMs).toBeGreaterThan(state.atMs);
    expect(users.endpoints['10.0.0.2:1']).toMatchObject({ state: 'ready', address: '10.0.0.2:1', inflight: 0 });
    expect(state.parts['own part']).toEqual({
      kind: 'own',
      name: 'part',
      figures: { held: 3 },
      topology: { a: ['b'] },
    });
    expect(state.config!.versions['1']).toMatchObject({ author: 'mara', source: 'code', changes: 1 });
    expect(Object.values(state.events)).toContainEqual(
      expect.objectContaining({
        level: 'warn',
        subject: 'users',
        endpoint: '10.0.0.1:1',
        text: expect.stringMatching(/^ejected by consecutive_failures for \d+ s$/),
      }),
    );
    expect([state.health, state.writable, state.alerts]).toEqual(['ready', true, {}]);
    monitor.close();
  });

  it('has the arms of a split and the evidence of its canary', async () => {
    const list = [
      { id: 'a', host: '10.0.0.1', port: 1 },
      { id: 'b', host: '10.0.0.2', port: 1, meta: { version: '2' } },
    ];
    const mesh = makeMesh({ users: list });
    const routing = routeCalls(mesh.service('users'), {
      split: { name: 's', arms: { v2: { share: 5, version: '2' } } },
    });
    startCanary(routing, { arm: 'v2' });
    const { port } = await startAdmin(mesh);
    const { split } = (await stateAt(port)).services.users!;
    expect(Object.keys(split!.arms)).toEqual(['v2', 'baseline']);
    expect(split!.canary).toMatchObject({ state: 'running', step: 0, errors: { canary: { calls: 0, bad: 0 } } });
    routing.close();
    expect((await stateAt(port)).services.users!.split).toBeUndefined();
  });

  it('keeps names as they are, whatever they are, and shortens what nobody could read', async () => {
    const long = 'x'.repeat(10_000);
    const names = [
      '__proto__',
      '<img src=x onerror=alert(1)>',
      '\u202egnp.exe',
      '\u001b[31mred',
      `${long}1`,
      `${long}2`,
    ];
    const list = names.map((id, i) => ({ id, host: '10.0.0.1', port: i + 1, tags: [id], meta: { [id]: id } }));
    const mesh = makeMesh({ users: list });
    const { port } = await startAdmin(mesh);
    const { endpoints } = (await stateAt(port)).services.users!;
    expect(Object.keys(endpoints)).toHaveLength(names.length);
    for (const name of names.slice(0, 4)) expect(Object.keys(endpoints)).toContain(name);
    expect(Math.max(...Object.keys(endpoints).map(({ length }) => length))).toBeLessThan(400);
    for (const key of Object.keys(endpoints)) {
      expect((await post(port, 'drain', { service: 'users', endpoint: key })).status).toBe(200);
    }
    expect(mesh.service('users').endpoints.every(({ state }) => state === 'unhealthy')).toBe(true);
  });
});

describe('the stream', () => {
  it('tells the whole once, then what changes, and makes the same of it as the state', async () => {
    const mesh = makeMesh();
    const { admin, port } = await startAdmin(mesh, { updateMs: 500 });
    const follower = new Follower(port);
    await until(() => follower.events === 1);
    call(mesh, 9);
    await until(() => follower.state?.services.users?.calls === 9);
    expect(follower.events).toBeGreaterThan(1);
    const { services } = await stateAt(port);
    const seen = (each: AdminEndpoint) => ({ ...each, rate: 0 });
    for (const [id, endpoint] of Object.entries(services.users!.endpoints)) {
      expect(seen(follower.state!.services.users!.endpoints[id]!)).toEqual(seen(endpoint));
    }
    expect(admin.followers).toBe(1);
    await follower.close();
    await until(() => admin.followers === 0);
  });

  it('sends of 1,000 endpoints what changed, at most twice a second', async () => {
    const list = Array.from({ length: 1_000 }, (_, i) => ({ id: `users-${i}`, host: '10.0.0.1', port: i + 1 }));
    const mesh = makeMesh({ users: list });
    const { port } = await startAdmin(mesh, { updateMs: 500 });
    const follower = new Follower(port);
    await until(() => follower.events > 0);
    const whole = follower.bytes;
    const startMs = performance.now();
    await until(() => follower.events > 3);
    // The moment, and what a window leaves.
    expect((follower.bytes - whole) / (follower.events - 1)).toBeLessThan(500);
    const [events, bytes] = [follower.events, follower.bytes];
    for (const endpoint of mesh.service('users').endpoints.slice(0, 10)) {
      mesh.service('users').acquire({ prefer: endpoint.spec.id }).done(Outcome.Success);
    }
    await until(() => follower.events > events + 1);
    const each = (follower.bytes - bytes) / (follower.events - events);
    expect(each).toBeLessThan(whole / 50);
    expect(Object.keys(follower.state!.services.users!.endpoints)).toHaveLength(1_000);
    // The first comes at once, the others by the clock, which a busy machine makes later alone.
    expect(follower.events - 1).toBeLessThanOrEqual((performance.now() - startMs) / 500 + 1);
    await follower.close();
  });

  it('costs calls nothing while nobody follows it', async () => {
    const mesh = makeMesh();
    const { admin, port } = await startAdmin(mesh);
    call(mesh, 5);
    const follower = new Follower(port);
    await until(() => follower.events > 0);
    expect(follower.state!.services.users!.calls).toBe(0);
    call(mesh, 5);
    await until(() => follower.state?.services.users?.calls === 5);
    await follower.close();
    await until(() => admin.followers === 0);
    call(mesh, 5);
    const again = new Follower(port);
    await until(() => again.events > 0);
    expect(again.state!.services.users!.calls).toBe(5);
    await again.close();
  });

  it('serves so many, and refuses more', async () => {
    const mesh = makeMesh();
    const { admin, port } = await startAdmin(mesh);
    const followers = Array.from({ length: 32 }, () => new Follower(port));
    await until(() => admin.followers === 32);
    expect((await ask(port, '/api/stream')).status).toBe(503);
    for (const follower of followers) await follower.close();
  });
});

describe('what an operator does', () => {
  it('drains, ejects and restores, with who and why, until it is over', async () => {
    const mesh = makeMesh();
    const { port } = await startAdmin(mesh);
    const of = { service: 'users', endpoint: '10.0.0.1:1' };
    expect((await post(port, 'drain', { ...of, forMs: 60_000, by: 'mara', reason: 'disk' })).status).toBe(200);
    const state = await stateAt(port);
    const drained = state.services.users!.endpoints['10.0.0.1:1']!;
    expect(drained).toMatchObject({
      state: 'unhealthy',
      reason: 'drained by hand',
      hold: { how: 'drain', by: 'mara', reason: 'disk' },
    });
    expect(Math.round((drained.stateUntilMs! - state.atMs) / 10_000)).toBe(6);
    expect(JSON.parse((await post(port, 'restore', of)).body)).toEqual({ ok: true, changed: true });
    expect((await post(port, 'eject', { ...of, endpoint: '10.0.0.2:1' })).status).toBe(200);
    const { services, events } = await stateAt(port);
    expect(services.users!.endpoints['10.0.0.1:1']).toMatchObject({ state: 'ready' });
    expect(services.users!.endpoints['10.0.0.2:1']).toMatchObject({ state: 'ejected', reason: 'by_hand' });
    expect(Object.values(events).map(({ text }) => text)).toContain('drained by mara for 1 min: disk');
  });

  it('rolls the configuration back, and sees what a version changed', async () => {
    const mesh = makeMesh();
    const config = createConfigStore(mesh);
    await config.apply({ services: { users: { panicThreshold: 0.1 } } });
    await config.apply({ services: { users: { panicThreshold: 0.2 } } });
    const { port } = await startAdmin(mesh, { token: TOKEN, config });
    const { changes } = JSON.parse((await ask(port, '/api/diff?from=1&to=2')).body);
    expect(changes).toEqual([{ path: 'services.users.panicThreshold', before: 0.1, after: 0.2, effect: 'live' }]);
    expect(JSON.parse((await post(port, 'rollback', { version: 1, by: 'mara' })).body)).toEqual({
      ok: true,
      version: 3,
    });
    expect(config.current).toMatchObject({ number: 3, author: 'mara', source: 'rollback to 1' });
    expect((await post(port, 'rollback', { version: 99 })).status).toBe(400);
  });

  it('is told what is wrong, in words, by what it is', async () => {
    const mesh = makeMesh();
    const { port } = await startAdmin(mesh);
    const refused = async (name: string, body: unknown) => {
      const { status, body: text } = await post(port, name, body);
      return `${status} ${JSON.parse(text).error.code}`;
    };
    expect(await refused('drain', { service: 'users', endpoint: 'nobody' })).toBe('404 FAIRLEAD_NO_ENDPOINT');
    expect(await refused('drain', { service: 'nothing', endpoint: 'x' })).toBe('404 FAIRLEAD_NO_ENDPOINT');
    expect(await refused('drain', { service: 'users', endpoint: '10.0.0.1:1', forMs: -1 })).toBe(
      '400 FAIRLEAD_INVALID_OPTION',
    );
    expect(await refused('drain', { service: 'users', endpoint: '10.0.0.1:1', now: true })).toBe(
      '400 FAIRLEAD_INVALID_OPTION',
    );
    expect(await refused('rollback', { version: 1 })).toBe('409 FAIRLEAD_CONFLICT');
    expect(await refused('silence', { forMs: 1_000 })).toBe('409 FAIRLEAD_CONFLICT');
    expect(await refused('drain', [1])).toBe('400 BODY');
    expect((await ask(port, '/api/nothing')).status).toBe(404);
    const big = { service: 'users', endpoint: 'x'.repeat(100_000) };
    expect(await refused('drain', big)).toBe('400 BODY');
  });
});

const servers: Record<string, (mesh: Mesh) => Promise<{ url: string; close(): unknown }>> = {
  'node:http': async (mesh) => {
    const server = createServer(createAdmin(mesh, { token: TOKEN }).handler);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close() };
  },
  // A process of its own: the resolution of this one loads a dependency of Express wrongly.
  Express: async () => {
    const execArgv = ['--import', 'tsx', '--conditions=fairlead-source'];
    const child = fork(join(import.meta.dirname, 'express-server.mjs'), [TOKEN], { execArgv });
    const [{ port }] = (await once(child, 'message')) as [{ port: number }];
    return { url: `http://127.0.0.1:${port}`, close: () => child.kill() };
  },
  Fastify: async (mesh) => {
    const app = fastify({ forceCloseConnections: true });
    app.all('/inside/mesh/*', createAdmin(mesh, { token: TOKEN }).handler);
    return { url: await app.listen({ port: 0, host: '127.0.0.1' }), close: () => app.close() };
  },
};

describe.each(Object.keys(servers))('the handler in %s', (name) => {
  it('serves page, state, stream and changes below a path', async () => {
    const mesh = makeMesh();
    const { url, close } = await servers[name]!(mesh);
    try {
      const page = await fetch(`${url}/inside/mesh/`);
      expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
      const port = Number(new URL(url).port);
      const state = await ask(port, '/inside/mesh/api/state');
      expect(Object.keys(JSON.parse(state.body).services)).toEqual(['users']);
      const body = { service: 'users', endpoint: '10.0.0.1:1' };
      const authorization = `Bearer ${TOKEN}`;
      const done = await ask(port, '/inside/mesh/api/drain', { method: 'POST', headers: { authorization }, body });
      expect([done.status, done.body]).toEqual([200, '{"ok":true}\n']);
      const after = JSON.parse((await ask(port, '/inside/mesh/api/state')).body) as AdminState;
      expect(after.services.users!.endpoints['10.0.0.1:1']!.state).toBe('unhealthy');
      const stream = await fetch(`${url}/inside/mesh/api/stream`);
      expect(stream.headers.get('content-type')).toBe('text/event-stream');
      await stream.body!.cancel();
    } finally {
      await close();
    }
  });
});
