import { request } from 'node:http';
import { describe, expect, it } from 'vitest';
import { startConsul, startConsulCluster, until } from '../harness/index.js';
import { clientOf, took, users, wait } from './world.js';

describe('the Consul resolver at a real agent', () => {
  it('tells of arrivals, changes, departures, weights, tags, metadata and zones', async () => {
    await using consul = await startConsul();
    await consul.register(
      users('a', 5_001, { Weights: { Passing: 5, Warning: 2 }, Tags: ['v2'], Meta: { zone: 'z1', owner: 'me' } }),
    );
    const { lists, service } = clientOf(consul);
    await lists('a');
    expect(service.endpoints[0]!.spec).toEqual({
      id: 'a',
      host: '127.0.0.1',
      port: 5_001,
      weight: 5,
      priority: 0,
      zone: 'z1',
      tags: ['v2'],
      meta: { zone: 'z1', owner: 'me' },
    });
    await consul.register(users('b', 5_002, { Address: '' }));
    await lists('a', 'b');
    expect(service.endpoints[1]!.spec.host).not.toBe('');
    await consul.register(users('c', 5_003, { Address: '::1' }));
    await lists('a', 'b', 'c');
    expect(service.endpoints[2]!.spec.host).toBe('::1');
    await consul.deregister('b');
    await lists('a', 'c');
  });

  it('gives an instance that warns the weight for it, and none to one in maintenance or critical', async () => {
    await using consul = await startConsul();
    const check = { CheckID: 'c', TTL: '10m', Status: 'passing' };
    await consul.register(users('a', 5_001, { Weights: { Passing: 5, Warning: 2 }, Check: check }));
    await consul.register(users('b', 5_002));
    const { lists, service, picks } = clientOf(consul);
    await lists('a', 'b');
    const weight = (): number | undefined => service.endpoints.find(({ spec }) => spec.id === 'a')?.spec.weight;
    expect(weight()).toBe(5);
    await consul.api('PUT', '/v1/agent/check/warn/c');
    await took(
      () => weight() === 2,
      () => 'weight 2',
    );
    await consul.api('PUT', '/v1/agent/check/fail/c');
    await lists('b');
    // Still registered, so still an endpoint: with the weight it is registered with, and nothing
    // sent to it.
    expect(service.endpoints.map(({ spec, state }) => [spec.id, state])).toEqual([
      ['a', 'unhealthy'],
      ['b', 'ready'],
    ]);
    expect(weight()).toBe(5);
    picks('b');
    await consul.api('PUT', '/v1/agent/check/pass/c');
    await lists('a', 'b');
    await consul.api('PUT', '/v1/agent/service/maintenance/a?enable=true');
    await lists('b');
    await consul.api('PUT', '/v1/agent/service/maintenance/a?enable=false');
    await lists('a', 'b');
    await consul.api('PUT', '/v1/agent/maintenance?enable=true');
    await lists();
    expect(service.endpoints).toHaveLength(2);
    await consul.api('PUT', '/v1/agent/maintenance?enable=false');
    await lists('a', 'b');
  });

  it('narrows by tag, filter and node metadata, and refuses nothing silently', async () => {
    await using consul = await startConsul();
    await consul.register(users('a', 5_001, { Tags: ['v1'], Meta: { canary: 'yes' } }));
    await consul.register(users('b', 5_002, { Tags: ['v2', 'eu'] }));
    const { mesh } = clientOf(consul);
    const byTag = mesh.service('by tag', { discovery: { name: 'users', tag: ['v2', 'eu'] } });
    const byFilter = mesh.service('by filter', { discovery: { name: 'users', filter: 'Service.Meta.canary == yes' } });
    const cached = mesh.service('cached', { discovery: { name: 'users', consistency: 'cached' } });
    const bad = mesh.service('bad', { discovery: { name: 'users', filter: 'Service.Nonsense == ' } });
    const ids = (service: typeof bad): string => service.endpoints.map(({ spec }) => spec.id).join();
    await took(
      () => ids(byTag) === 'b' && ids(byFilter) === 'a' && ids(cached) === 'a,b',
      () => 'narrowed lists',
    );
    await took(
      () => bad.discovery.error !== undefined,
      () => 'error',
    );
    expect(bad.discovery.error?.message).toMatch(/answered (400|500).*/);
    await consul.register(users('c', 5_003));
    await took(
      () => ids(cached) === 'a,b,c',
      () => 'cached list',
    );
  });

  it('goes on from the last list while the agent is dead, and sees the new truth after its return', async () => {
    await using consul = await startConsul();
    for (const [id, port] of [
      ['a', 1],
      ['b', 2],
      ['c', 3],
    ] as const)
      await consul.register(users(id, 5_000 + port));
    // A higher index than the restarted agent will have for long.
    for (let i = 0; i < 60; i++) await consul.api('PUT', `/v1/kv/k${i}`, i);
    const { lists, picks, service } = clientOf(consul);
    await lists('a', 'b', 'c');
    await consul.kill();
    await wait(1_500);
    picks('a', 'b', 'c');
    expect(service.discovery.ageMs).toBeGreaterThan(1_000);
    expect(service.discovery.error?.message).toMatch(/Consul at .*ECONN/);
    await consul.restart();
    for (const [id, port] of [
      ['d', 4],
      ['e', 5],
      ['f', 6],
    ] as const)
      await consul.register(users(id, 5_000 + port));
    await lists('d', 'e', 'f');
    expect(service.discovery.error).toBeUndefined();
  });

  it('is not blind where the restarted agent has the same index', async () => {
    await using consul = await startConsul();
    await consul.register(users('a', 5_001));
    const { lists, service } = clientOf(consul);
    await lists('a');
    await wait(100);
    await consul.kill();
    await consul.restart();
    await consul.register(users('a', 6_001));
    await took(
      () => service.endpoints[0]?.spec.port === 6_001,
      () => 'new port',
    );
  });

  it('stands an agent that hangs, and hears it when it goes on', async () => {
    await using consul = await startConsul();
    await consul.register(users('a', 5_001));
    const { lists, picks } = clientOf(consul);
    await lists('a');
    await consul.pause();
    await wait(500);
    picks('a');
    await consul.resume();
    await consul.register(users('b', 5_002));
    await lists('a', 'b');
  });

  it('keeps its list when the token stops being good, says so without showing it, and returns with the right', async () => {
    await using consul = await startConsul({ acl: true });
    await consul.register(users('a', 5_001));
    const rules = 'service_prefix "" { policy = "read" } node_prefix "" { policy = "read" }';
    await consul.api('PUT', '/v1/acl/policy', { Name: 'reader', Rules: rules });
    const token = await consul.api<{ AccessorID: string; SecretID: string }>('PUT', '/v1/acl/token', {
      Policies: [{ Name: 'reader' }],
    });
    const { lists, picks, service, errors } = clientOf(consul, { token: token.SecretID });
    await lists('a');
    await consul.api('DELETE', `/v1/acl/token/${token.AccessorID}`);
    await consul.register(users('b', 5_002));
    await took(
      () => errors.some((error) => /answered 403/.test(error.message)),
      () => '403',
    );
    picks('a');
    expect(String(service.discovery.error)).not.toContain(token.SecretID);
    await consul.api('PUT', '/v1/acl/token', { ...token, Policies: [{ Name: 'reader' }] });
    await lists('a', 'b');
  });

  it('speaks TLS, and refuses a certificate it cannot verify', async () => {
    await using consul = await startConsul({ tls: true });
    await consul.register(users('a', 5_001));
    const { port, ca } = consul.tls!;
    const trusting = clientOf(consul, { address: `https://127.0.0.1:${port}`, tls: { ca } });
    await trusting.lists('a');
    const strict = clientOf(consul, { address: `127.0.0.1:${port}`, tls: true });
    await took(
      () => strict.errors.length > 0,
      () => 'error',
    );
    expect(strict.errors[0]!.message).toMatch(/certificate/);
  });

  it('opens fewer connections than the agent allows an address, also for 260 services', async () => {
    await using consul = await startConsul();
    await consul.register(users('a', 5_001));
    const { mesh, errors } = clientOf(consul);
    const all = Array.from({ length: 260 }, (_, i) =>
      mesh.service(`s${i}`, { discovery: { name: 'users', filter: `Service.ID != "${i}"` } }),
    );
    await took(
      () => all.every((service) => service.endpoints.length === 1),
      () => 'lists of all',
    );
    // Another client of the same address still gets a connection.
    await consul.register(users('b', 5_002));
    await took(
      () => all.every((service) => service.endpoints.length === 2),
      () => 'changed lists of all',
    );
    expect(errors).toEqual([]);
    expect(all.filter((service) => service.discovery.error !== undefined)).toEqual([]);
  });

  it('changes a pick within four times what a bare blocking query needs', async () => {
    await using consul = await startConsul();
    await consul.register(users('a', 5_000));
    const { lists, service } = clientOf(consul);
    await lists('a');
    const ratios: number[] = [];
    for (let i = 1; i <= 20; i++) {
      await wait(280);
      const bare = nextAnswer(consul.host, consul.port);
      const ours = new Promise<number>((resolve) => {
        const stop = service.on('rotation', () => {
          if (service.acquire().endpoint.spec.port !== 5_000 + i) return;
          stop();
          resolve(performance.now());
        });
      });
      await bare.waiting;
      const beganMs = performance.now();
      await consul.register(users('a', 5_000 + i));
      ratios.push(((await ours) - beganMs) / ((await bare.answered) - beganMs));
    }
    ratios.sort((a, b) => a - b);
    // The median: single changes are at the mercy of whoever else uses the machine.
    expect(ratios[10]).toBeLessThan(4);
  });
});

/** A blocking query by hand: when its body was complete. */
function nextAnswer(host: string, port: number): { waiting: Promise<void>; answered: Promise<number> } {
  const ask = (path: string): Promise<[string, number]> =>
    new Promise((resolve, reject) => {
      const sent = request({ host, port, path, agent: false }, (response) => {
        response.on('data', () => {});
        response.on('end', () => resolve([String(response.headers['x-consul-index']), performance.now()]));
      });
      sent.on('error', reject);
      sent.end();
    });
  const path = '/v1/health/service/users?stale=1';
  const first = ask(path);
  const answered = first.then(async ([index]) => (await ask(`${path}&index=${index}&wait=30s`))[1]);
  return { waiting: first.then(() => wait(30)), answered };
}

describe('the Consul resolver at a cluster', () => {
  it('goes on through the loss of the leader and of the quorum, and sees the new truth after it', async () => {
    await using cluster = await startConsulCluster();
    const leader = (await cluster.leader())!;
    const [follower, other] = cluster.servers.filter((server) => server !== leader);
    await follower!.register(users('a', 5_001));
    await follower!.register(users('b', 5_002));
    const stale = clientOf(follower!);
    const strict = clientOf(follower!, { consistency: 'default', waitMs: 2_000 });
    await Promise.all([stale.lists('a', 'b'), strict.lists('a', 'b')]);
    await leader.kill();
    stale.picks('a', 'b');
    strict.picks('a', 'b');
    await until('a new leader', async () => {
      const next = await cluster.leader();
      return next !== undefined && next !== leader;
    });
    await until('registration works', () =>
      follower!.register(users('c', 5_003)).then(
        () => true,
        () => false,
      ),
    );
    await Promise.all([stale.lists('a', 'b', 'c'), strict.lists('a', 'b', 'c')]);
    await other!.kill();
    await took(
      () => /answered 500/.test(strict.service.discovery.error?.message ?? ''),
      () => 'error without a quorum',
    );
    stale.picks('a', 'b', 'c');
    strict.picks('a', 'b', 'c');
    await Promise.all([leader.restart(), other!.restart()]);
    await until('the quorum is back', async () => (await cluster.leader()) !== undefined);
    await until('registration works again', () =>
      follower!.register(users('d', 5_004)).then(
        () => true,
        () => false,
      ),
    );
    await Promise.all([stale.lists('a', 'b', 'c', 'd'), strict.lists('a', 'b', 'c', 'd')]);
  });
});
