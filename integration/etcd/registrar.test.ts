import { etcdRegistrar } from 'fairlead/etcd';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Etcd, type EtcdVersion, Relay, startEtcd, until } from '../harness/index.js';
import { clientOf } from './world.js';

const VERSIONS: readonly EtcdVersion[] = ['3.4', '3.5'];
const INSTANCE = { service: 'users', id: 'a', host: '127.0.0.1', port: 5_001 };
const QUICK = { ttlMs: 2_000, requestTimeoutMs: 500, maxBackoffMs: 200 };

function registrarOf(etcd: Pick<Etcd, 'address'>, options: Parameters<typeof etcdRegistrar>[0] = {}) {
  const registrar = etcdRegistrar({ address: etcd.address, ...QUICK, ...options });
  onTestFinished(() => registrar.close({ deadlineMs: 2_000 }).catch(() => {}));
  return registrar;
}

describe.each(VERSIONS)('the etcd registrar at etcd %s', (version) => {
  it('registers, reports health, updates and deregisters what the resolver then lists', async () => {
    await using etcd = await startEtcd({ version });
    const { lists, service } = clientOf(etcd);
    const registrar = registrarOf(etcd);
    const registration = await registrar.register({
      ...INSTANCE,
      weight: 3,
      zone: 'z1',
      tags: ['v2'],
      meta: { k: 'v' },
    });
    await lists('a');
    expect(service.endpoints[0]!.spec).toMatchObject({ weight: 3, zone: 'z1', tags: ['v2'], meta: { k: 'v' } });
    expect(JSON.parse((await etcd.range('users/'))['users/a']!)).toMatchObject({ Op: 0, Addr: '127.0.0.1:5001' });
    await registration.report('critical');
    await lists();
    expect(service.endpoints).toHaveLength(1);
    await registration.report('passing');
    await lists('a');
    await registration.update({ weight: 7 });
    await until('weight 7', () => service.endpoints[0]?.spec.weight === 7);
    await registration.deregister();
    expect(await etcd.range('users/')).toEqual({});
  });

  it('puts its key anew when its lease is ended, and when the key is deleted', async () => {
    await using etcd = await startEtcd({ version });
    const registration = await registrarOf(etcd).register(INSTANCE);
    const states: string[] = [];
    registration.on('status', (status) => states.push(status));
    await etcd.endLeases();
    await until('it is registered again', () => states.join() === 'lost,registered');
    expect(Object.keys(await etcd.range('users/'))).toEqual(['users/a']);
    await etcd.delete('users/a');
    await until('it is registered again', () => states.join() === 'lost,registered,lost,registered');
    expect(Object.keys(await etcd.range('users/'))).toEqual(['users/a']);
  });

  it('puts its key anew after an outage longer than its time to live', async () => {
    await using etcd = await startEtcd({ version });
    await using relay = await Relay.before(etcd);
    const registration = await registrarOf(relay).register(INSTANCE);
    await relay.cut();
    await until('the key is gone', async () => Object.keys(await etcd.range('users/')).length === 0);
    expect(registration.status).toBe('lost');
    await relay.pass();
    await until('it is registered again', () => registration.status === 'registered');
    expect(Object.keys(await etcd.range('users/'))).toEqual(['users/a']);
  });

  it('puts its key anew at an etcd that was restored from a backup without it', async () => {
    await using etcd = await startEtcd({ version });
    await etcd.put('x', 'y');
    await etcd.backup();
    const registration = await registrarOf(etcd).register(INSTANCE);
    await etcd.stop();
    await until('it is lost', () => registration.status === 'lost');
    await etcd.restore();
    await until('it is registered again', () => registration.status === 'registered');
    expect(Object.keys(await etcd.range('users/'))).toEqual(['users/a']);
  });

  it('leaves an instance alone that another process put under its key, until that is gone', async () => {
    await using etcd = await startEtcd({ version });
    const errors: Error[] = [];
    const registration = await registrarOf(etcd, { onError: (error) => errors.push(error) }).register(INSTANCE);
    const other = await registrarOf(etcd).register({ ...INSTANCE, port: 5_002 });
    await until('it is replaced', () => registration.status === 'replaced');
    expect(errors).toMatchObject([{ code: 'FAIRLEAD_CONFLICT' }]);
    await other.deregister();
    await until('it is registered again', () => registration.status === 'registered');
    expect((await etcd.range('users/'))['users/a']).toContain('5001');
  });

  it('rejects where etcd cannot be reached, or waits for it where it is told to', async () => {
    await using etcd = await startEtcd({ version });
    await using relay = await Relay.before(etcd);
    await relay.cut();
    await expect(registrarOf(relay).register(INSTANCE)).rejects.toMatchObject({ code: 'FAIRLEAD_REGISTRATION' });
    const waiting = registrarOf(relay, { onUnreachable: 'wait' }).register(INSTANCE);
    await relay.pass();
    expect((await waiting).status).toBe('registered');
  });
});
