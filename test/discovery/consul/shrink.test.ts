import { describe, expect, it } from 'vitest';
import { consulWorld } from '../../support/consul.js';

describe('an empty or sharply shrunk list', () => {
  it('is adopted once the leader confirmed it, while all was well before', async () => {
    const { consul, blocks, passUntil, pass, picks, ids, service, mesh, lists } = await consulWorld([
      'a',
      'b',
      'c',
      'd',
    ]);
    await blocks();
    expect(mesh.services.size).toBe(1);
    consul.set('users', ['a']);
    await passUntil(() => service.discovery.error !== undefined);
    expect(service.discovery.error?.message).toMatch(/only 1 instances are listed: 3 that it no longer lists are kept/);
    picks('a', 'b', 'c', 'd');
    await blocks();
    const confirming = consul.queries.at(-1)!.query;
    expect(confirming.has('stale')).toBe(false);
    expect(confirming.get('wait')).toBe('500ms');
    await pass(600);
    consul.bump();
    await lists('a');
    expect(ids()).toEqual(['a']);
    expect(service.discovery.error).toBeUndefined();
  });

  it('is held as a whole where it is empty', async () => {
    const { consul, blocks, passUntil, pass, picks, lists, service } = await consulWorld(['a']);
    await blocks();
    consul.set('users', []);
    await passUntil(() => service.discovery.error !== undefined);
    picks('a');
    await pass(600);
    consul.bump();
    await lists();
    expect(() => service.acquire()).toThrow(/discovery lists no endpoint/);
  });

  it('gives up its departures only after the grace period where the agent had trouble', async () => {
    const { consul, blocks, passUntil, pass, picks, lists } = await consulWorld(['a', 'b', 'c']);
    await blocks();
    await consul.down();
    consul.set('users', [], 3);
    await consul.up();
    await passUntil(() => consul.blocked === 1);
    await pass(9_000);
    consul.bump();
    picks('a', 'b', 'c');
    await pass(2_000);
    consul.bump();
    await lists();
  });

  it('adds what it lists at once, and keeps the rest until more of them are back', async () => {
    const { consul, blocks, passUntil, lists, service } = await consulWorld(['a', 'b', 'c', 'd']);
    await blocks();
    await consul.down();
    consul.set('users', [{ id: 'a', port: 81 }, 'e'].slice(0, 1), 3);
    await consul.up();
    await passUntil(() => service.endpoints.find((endpoint) => endpoint.spec.id === 'a')?.spec.port === 81);
    expect(service.endpoints).toHaveLength(4);
    consul.set(
      'users',
      [
        { id: 'a', port: 81 },
        { id: 'e', port: 85 },
      ],
      4,
    );
    await lists('a', 'e');
  });

  it('leaves nobody out while an agent that lost its state gets its instances back one by one', async () => {
    const { consul, blocks, passUntil, pass, lists, service, ids } = await consulWorld(['a', 'b', 'c']);
    await blocks();
    const seen = new Set<string>();
    service.on('endpoints', () => seen.add(ids().join()));
    await consul.down();
    consul.set('users', [], 1);
    await consul.up();
    for (const back of [['b'], ['b', 'c']]) {
      await pass(200);
      consul.set('users', back);
    }
    await passUntil(() => /2 instances are listed/.test(service.discovery.error?.message ?? ''));
    expect(ids()).toEqual(['a', 'b', 'c']);
    consul.set('users', ['a', 'b', 'c']);
    await lists('a', 'b', 'c');
    await passUntil(() => service.discovery.error === undefined);
    expect([...seen]).toEqual([]);
    // One that really left is let go, in calm at once.
    await pass(11_000);
    consul.set('users', ['a', 'b']);
    expect(await passUntil(() => ids().join() === 'a,b')).toBeLessThanOrEqual(1_000);
  });

  it('counts an instance that came back at the same address under another id as replaced', async () => {
    const { consul, blocks, passUntil, ids } = await consulWorld([
      { id: 'a', port: 1 },
      { id: 'b', port: 2 },
      { id: 'c', port: 3 },
    ]);
    await blocks();
    consul.set('users', [{ id: 'z', port: 1 }]);
    await passUntil(() => ids().includes('z'));
    expect(ids()).toEqual(['b', 'c', 'z']);
  });

  it('is what a list becomes in which all turn critical, as after the restart of an agent whose checks are to run', async () => {
    const { consul, blocks, passUntil, pass, picks, lists, service } = await consulWorld(['a', 'b', 'c']);
    await blocks();
    const critical = ['a', 'b', 'c'].map((id) => ({ id, status: 'critical' as const }));
    consul.set('users', critical);
    await passUntil(() => service.discovery.error !== undefined);
    expect(service.discovery.error?.message).toMatch(
      /only 0 of 3 listed instances are healthy: 3 are kept as they were until/,
    );
    picks('a', 'b', 'c');
    await pass(600);
    consul.bump();
    await lists();
    expect(service.endpoints.map(({ state }) => state)).toEqual(['unhealthy', 'unhealthy', 'unhealthy']);
    // Nor is it believed at once that what was unhealthy to the last is gone: it may own data.
    consul.set('users', []);
    await passUntil(() => service.discovery.error !== undefined);
    expect(service.endpoints).toHaveLength(3);
    await pass(600);
    consul.bump();
    await passUntil(() => service.endpoints.length === 0);
  });

  it('believes a moderate departure at once', async () => {
    const { consul, blocks, lists } = await consulWorld(['a', 'b']);
    await blocks();
    consul.set('users', ['b']);
    await lists('b');
  });

  it('is held longer where a server without a leader says so', async () => {
    const { consul, blocks, passUntil, pass, picks, service, lists } = await consulWorld(['a', 'b', 'c']);
    await blocks();
    consul.script = (request, response) => {
      if (consul.index <= Number(request.query.get('index') ?? 0)) return false;
      consul.answer(response, 'users', { 'x-consul-knownleader': 'false' });
      return true;
    };
    consul.cut();
    consul.set('users', []);
    await passUntil(() => /only 0 instances/.test(service.discovery.error?.message ?? ''));
    await pass(5_000);
    picks('a', 'b', 'c');
    consul.script = undefined;
    await pass(6_000);
    consul.bump();
    await lists();
  });

  it('asks the leader where a stale answer is too old, and keeps the last list until it answers', async () => {
    const { consul, blocks, passUntil, picks, service } = await consulWorld(['a', 'b']);
    await blocks();
    expect(consul.queries[0]!.query.get('stale')).toBe('1');
    consul.script = (request, response) => {
      if (request.query.has('stale')) consul.answer(response, 'users', { 'x-consul-lastcontact': '60000' });
      else response.writeHead(500).end('No cluster leader');
      return true;
    };
    consul.cut();
    consul.set('users', ['c', 'd']);
    await passUntil(() => /60000 ms old, allowed is 10000/.test(service.discovery.error?.message ?? ''));
    await passUntil(() => /No cluster leader/.test(service.discovery.error?.message ?? ''));
    picks('a', 'b');
    consul.script = (_request, response) => {
      consul.answer(response, 'users');
      return true;
    };
    await passUntil(() => service.endpoints[0]?.spec.id === 'c');
  });

  it('shows the age that a cache tells of', async () => {
    const { consul, blocks, passUntil, service } = await consulWorld(['a'], { consistency: 'cached' });
    await blocks();
    consul.script = (_request, response) => {
      consul.answer(response, 'users', { age: '120' });
      return true;
    };
    consul.cut();
    await passUntil(() => service.discovery.ageMs >= 120_000);
    expect(service.discovery.ageMs).toBeLessThan(122_000);
  });

  it('polls the services for which no blocking query is left', async () => {
    const { consul, mesh, blocks, passUntil } = await consulWorld(['a'], { maxBlockingQueries: 1 });
    await blocks();
    const second = mesh.service('second', { discovery: { name: 'users', tag: 'x' } });
    await passUntil(() => second.endpoints.length === 1);
    consul.set('users', ['a', 'b']);
    expect(await passUntil(() => second.endpoints.length === 2)).toBeLessThanOrEqual(2_100);
    expect(consul.blocked).toBeLessThanOrEqual(1);
  });
});
