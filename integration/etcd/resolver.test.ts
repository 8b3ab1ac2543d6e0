import { describe, expect, it } from 'vitest';
import { startEtcd } from '../harness/index.js';
import { clientOf, naming } from './world.js';

describe('the etcd resolver at a real server', () => {
  it('reports arrivals, changes and departures, with weight, zone, tags, meta and health', async () => {
    await using etcd = await startEtcd();
    const metadata = { weight: 5, zone: 'z1', tags: ['v2'], meta: { owner: 'me' } };
    await etcd.put('users/a', naming('127.0.0.1:5001', metadata));
    await etcd.put('users-v2/x', naming('127.0.0.1:5009'));
    const { lists, service } = clientOf(etcd);
    await lists('a');
    expect(service.endpoints[0]!.spec).toEqual({
      ...{ id: 'a', host: '127.0.0.1', port: 5_001, weight: 5, priority: 0 },
      ...{ zone: 'z1', tags: ['v2'], meta: { owner: 'me' } },
    });
    await etcd.put('users/b', naming('[::1]:5002'));
    await lists('a', 'b');
    await etcd.put('users/a', naming('127.0.0.1:5001', { ...metadata, healthy: false }));
    await lists('b');
    expect(service.endpoints.map(({ spec, state }) => [spec.id, state])).toEqual([
      ['a', 'unhealthy'],
      ['b', 'ready'],
    ]);
    await etcd.delete('users/a');
    await etcd.put('users/c', naming('127.0.0.1:5003'));
    await lists('b', 'c');
    expect(service.endpoints).toHaveLength(2);
  });
});
