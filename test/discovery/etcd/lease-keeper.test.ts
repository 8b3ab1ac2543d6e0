import { ManualClock, seededRandom } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { type EtcdInstanceSettings, readInstance, updateInstance } from '../../../src/discovery/etcd/instance.js';
import { layoutOf } from '../../../src/discovery/etcd/layouts/index.js';
import { LeaseKeeper } from '../../../src/discovery/etcd/lease-keeper.js';
import { KeptRegistrar } from '../../../src/discovery/kept-registrar.js';
import { ScriptedEtcd } from '../../support/scripted-etcd.js';

const INSTANCE = { service: 'users', id: 'a', host: '10.0.0.1', port: 80 };

function world() {
  const etcd = new ScriptedEtcd();
  const context = { clock: new ManualClock(1_000), random: seededRandom(3) };
  const layout = layoutOf('test', { layout: 'instance-json', prefix: undefined, scheme: undefined });
  const lease = { ...context, calls: etcd, layout, ttlMs: 15_000, maxBackoffMs: 1_000, verifyIntervalMs: 5_000 };
  const registrar = new KeptRegistrar<typeof INSTANCE, { weight?: number }, EtcdInstanceSettings>({
    ...context,
    ...{ name: 'etcd', where: 'etcd', onUnreachable: 'fail', onError: undefined, close: () => {} },
    read: (instance) => readInstance(layout, instance),
    update: (instance, changes) => updateInstance(layout, instance, changes),
    keeperOf: (instance, ended) => new LeaseKeeper(instance, lease, ended),
  });
  const key = 'services/users/a';
  return { etcd, registrar, key, pass: (ms: number) => context.clock.advanceAsync(ms), clock: context.clock };
}

describe('an instance that is kept in etcd', () => {
  it('is put anew when its lease is over, however often that happens', async () => {
    const { etcd, registrar, key, pass } = world();
    const registration = await registrar.register(INSTANCE);
    for (let i = 0; i < 20; i++) {
      for (const lease of [...etcd.leases]) etcd.endLease(lease);
      expect(etcd.keys.has(key)).toBe(false);
      await pass(5_000);
      expect(etcd.keys.has(key)).toBe(true);
      expect(registration.status).toBe('registered');
    }
    expect(etcd.leases.size).toBe(1);
  });

  it('is tried for as long as etcd is away, and put once it is there', async () => {
    const { etcd, registrar, key, pass } = world();
    const registration = await registrar.register(INSTANCE);
    etcd.away = true;
    for (const lease of [...etcd.leases]) etcd.endLease(lease);
    await pass(3_600_000);
    expect(registration.status).toBe('lost');
    etcd.away = false;
    await pass(1_100);
    expect(registration.status).toBe('registered');
    expect(etcd.keys.has(key)).toBe(true);
  });

  it('looks at once when its process was paused for longer than its time to live', async () => {
    const { etcd, registrar, key, pass, clock } = world();
    await registrar.register(INSTANCE);
    for (const lease of [...etcd.leases]) etcd.endLease(lease);
    // One jump: timers that were due meanwhile fire after it.
    clock.advance(60_000);
    await pass(0);
    expect(etcd.keys.has(key)).toBe(true);
  });

  it('says by its value that it is critical, keeps saying so when it is put anew, and takes that back', async () => {
    const { etcd, registrar, key, pass } = world();
    const registration = await registrar.register(INSTANCE);
    await registration.report('critical');
    expect(JSON.parse(etcd.keys.get(key)!.value).Active).toBe(false);
    etcd.delete(key);
    await pass(5_000);
    expect(JSON.parse(etcd.keys.get(key)!.value).Active).toBe(false);
    await registration.report('passing');
    expect(JSON.parse(etcd.keys.get(key)!.value).Active).toBe(true);
  });

  it('leaves neither key nor lease behind', async () => {
    const { etcd, registrar } = world();
    const registration = await registrar.register(INSTANCE);
    await registration.update({ weight: 5 });
    await registration.deregister();
    expect([etcd.keys.size, etcd.leases.size]).toEqual([0, 0]);
    await registrar.register({ ...INSTANCE, id: 'b' });
    await registrar.close();
    expect([etcd.keys.size, etcd.leases.size]).toEqual([0, 0]);
  });

  it('has an id that is one part of a key', async () => {
    const { registrar } = world();
    await expect(registrar.register({ ...INSTANCE, id: '../orders/x' })).rejects.toMatchObject({
      code: 'FAIRLEAD_INVALID_OPTION',
      message: 'register.id is "../orders/x": allowed is a string without a slash.',
    });
  });
});
