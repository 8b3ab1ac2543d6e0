import { etcdRegistrar } from 'fairlead/etcd';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Etcd, type EtcdVersion, startEtcdCluster, until } from '../harness/index.js';
import { clientOf, naming } from './world.js';

const QUICK = { requestTimeoutMs: 1_000, progressMs: 500 };

/** Longer than an election takes, which gives leases all their time anew. */
const TTL_MS = 6_000;

/** All addresses, this member's first: clients ask the first that answers. */
const addressesFrom = (first: Etcd, members: readonly Etcd[]): string[] => [
  first.address,
  ...members.filter((member) => member !== first).map(({ address }) => address),
];

const yes = (promise: Promise<unknown>): Promise<boolean> =>
  promise.then(
    () => true,
    () => false,
  );

/** When the key was put, and how many times since: another lease would have put it again. */
async function history(etcd: Etcd, key: string): Promise<string> {
  const { kvs } = await etcd.api<{ kvs?: { create_revision: string; version: string }[] }>('/v3/kv/range', {
    key: btoa(key),
  });
  return `${kvs?.[0]?.create_revision}/${kvs?.[0]?.version}`;
}

describe.each<EtcdVersion>(['3.4', '3.5'])('a cluster of three etcd %s', (version) => {
  it('loses its leader under a watch and a lease, and no change; then its majority', async () => {
    await using cluster = await startEtcdCluster(version);
    const leader = await cluster.leader();
    const [second, third] = cluster.members.filter((member) => member !== leader) as [Etcd, Etcd];
    const address = addressesFrom(leader, cluster.members);
    const registrar = etcdRegistrar({ address, ttlMs: TTL_MS, requestTimeoutMs: 1_000, maxBackoffMs: 200 });
    onTestFinished(() => registrar.close({ deadlineMs: 2_000 }).catch(() => {}));
    const registration = await registrar.register({ service: 'users', id: 'own', host: '127.0.0.1', port: 5_001 });
    const { ids, errors, service, lists } = clientOf(leader, { ...QUICK, address });
    await lists('own');
    const before = await history(second, 'users/own');
    const departed: string[] = [];
    service.on('endpoints', (event) => departed.push(...event.departed.map(({ spec }) => spec.id)));
    await leader.kill();
    // As soon as there is a leader, the others change what was watched at the one that is gone.
    for (let at = 0; at < 20; at++) {
      const [key, value] = [`users/n${at}`, naming(`127.0.0.1:${6_000 + at}`)];
      await until(`${key} is put`, () => yes(second.put(key, value)));
    }
    await second.delete('users/n0');
    await until('all changes are seen', () => ids().length === 20 && !ids().includes('n0'));
    await until('a heartbeat at another member', () => registration.status === 'registered');
    expect(departed).toEqual(departed.includes('n0') ? ['n0'] : []);
    expect(await history(second, 'users/own')).toBe(before);
    expect(errors.length).toBeGreaterThan(0);
    await leader.restart();

    errors.length = 0;
    await Promise.all([second.kill(), third.kill()]);
    // A member without a leader says so, instead of being silent.
    await until('an error', () => errors.length > 0);
    await until('its age shows', () => service.discovery.ageMs > 1_500);
    expect(ids()).toHaveLength(20);
    await Promise.all([second.restart(), third.restart()]);
    await third.put('users/late', naming('127.0.0.1:7000'));
    await until('what came after', () => ids().includes('late'));
    await until('it is well', () => service.discovery.error === undefined);
    await until('a heartbeat', () => registration.status === 'registered');
    expect(await history(second, 'users/own')).toMatch(/^\d/);
  });
});
