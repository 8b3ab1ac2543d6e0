import { describe, expect, it } from 'vitest';
import { consulWorld } from '../../support/consul.js';
import { until } from '../../support/until.js';

describe('consulResolver', () => {
  it('tells the endpoints and then each change at once', async () => {
    const { consul, lists, service, blocks } = await consulWorld(['a', 'b']);
    await lists('a', 'b');
    expect(service.discovery.ageMs).toBe(0);
    await blocks();
    expect(consul.queries[1]!.query.get('index')).toBe('11');
    expect(consul.queries[1]!.query.get('wait')).toBe('30000ms');
    consul.set('users', ['a', 'b', 'c']);
    await lists('a', 'b', 'c');
  });

  it('asks once for all who watch the same, and separately for another query', async () => {
    const { consul, mesh, lists, blocks } = await consulWorld(['a']);
    await lists('a');
    const same = mesh.service('people', { discovery: { name: 'users' } });
    expect(same.endpoints).toHaveLength(1);
    await blocks();
    expect(consul.queries).toHaveLength(2);
    mesh.service('tagged', { discovery: { name: 'users', tag: 'v2' } });
    await until(() => consul.queries.some((query) => query.query.get('tag') === 'v2'));
    await until(() => consul.blocked === 2);
    await same.close();
    await consul.quiet();
    expect(consul.blocked).toBe(2);
  });

  it('ends the shared watch with its last watcher', async () => {
    const { consul, mesh, blocks, clock } = await consulWorld(['a']);
    await blocks();
    await mesh.close();
    await until(() => consul.blocked === 0);
    expect(clock.pending).toBe(0);
  });

  it('sends datacenter, tags, filter, near, node metadata, namespace, partition and peer', async () => {
    const { consul, mesh } = await consulWorld(['a'], { env: { CONSUL_NAMESPACE: 'team' }, token: 'sesame' });
    mesh.service('x', {
      discovery: {
        name: 'users',
        datacenter: 'dc2',
        tag: ['b', 'a'],
        filter: 'Service.Meta.v == "2"',
        near: '_agent',
        nodeMeta: { rack: '7' },
        partition: 'p',
        peer: 'east',
        passingOnly: true,
        consistency: 'cached',
      },
    });
    await until(() => consul.queries.some((each) => each.query.has('dc')));
    const { query, headers } = consul.queries.find((each) => each.query.has('dc'))!;
    expect(query.getAll('tag')).toEqual(['a', 'b']);
    expect(Object.fromEntries(query)).toMatchObject({
      dc: 'dc2',
      filter: 'Service.Meta.v == "2"',
      near: '_agent',
      'node-meta': 'rack:7',
      ns: 'team',
      partition: 'p',
      peer: 'east',
      cached: '1',
    });
    // What the servers leave out would look like one that is not registered.
    expect(query.has('passing')).toBe(false);
    expect(headers['x-consul-token']).toBe('sesame');
  });

  it('lists what is critical or in maintenance as unhealthy, and calls it no longer', async () => {
    const { consul, service, lists, picks } = await consulWorld(['a', 'b', 'c']);
    await lists('a', 'b', 'c');
    const before = [...service.endpoints];
    consul.set('users', ['a', { id: 'b', status: 'critical' }, 'c']);
    await lists('a', 'c');
    picks('a', 'c');
    expect(service.endpoints).toEqual(before);
    expect(service.endpoints.map(({ state }) => state)).toEqual(['ready', 'unhealthy', 'ready']);
    consul.set('users', ['a', 'b', 'c']);
    await lists('a', 'b', 'c');
    picks('a', 'b', 'c');
    expect(service.endpoints[1]).toBe(before[1]);
  });

  it('counts healthy ones only where a limit is set', async () => {
    const { consul, lists, service } = await consulWorld(['c', 'a', 'b', 'd'], { near: '_agent', limit: 2 });
    await lists('a', 'c');
    consul.set('users', ['c', { id: 'a', status: 'critical' }, 'b', { id: 'd', status: 'critical' }]);
    await lists('b', 'c');
    expect(service.endpoints.map(({ spec }) => spec.id)).toEqual(['a', 'b', 'c']);
  });

  it.each([
    [{ consistency: 'fresh' }, /consistency is "fresh": allowed is one of default, stale/],
    [{ datacentre: 'x' }, /datacentre is not an option: there are name, datacenter/],
    [{ limit: 0 }, /limit is 0/],
    [{ tag: [] }, /tag is an array: allowed is a tag or an array of tags/],
  ])('refuses the query %j when the service is made', async (discovery, message) => {
    const { mesh } = await consulWorld(['a']);
    expect(() => mesh.service('x', { discovery })).toThrow(message);
  });

  it('keeps the first of the answer where a limit is set', async () => {
    const { lists } = await consulWorld(['c', 'a', 'b'], { near: '_agent', limit: 2 });
    await lists('c', 'a');
  });

  it('asks for gzip where told to, and reads it', async () => {
    const { consul, lists } = await consulWorld(['a', 'b'], { compress: true });
    await lists('a', 'b');
    expect(consul.queries[0]!.headers['accept-encoding']).toBe('gzip');
    expect(consul.compressed).toBe(1);
  });

  it('does not ask an agent on this host for gzip', async () => {
    const { consul, lists } = await consulWorld(['a']);
    await lists('a');
    expect(consul.queries[0]!.headers['accept-encoding']).toBeUndefined();
  });
});
