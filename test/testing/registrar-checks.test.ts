import { ManualClock, type RegistrarStage, registrarChecks, seededRandom } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { type EtcdInstanceSettings, readInstance, updateInstance } from '../../src/discovery/etcd/instance.js';
import { layoutOf } from '../../src/discovery/etcd/layouts/index.js';
import { LeaseKeeper } from '../../src/discovery/etcd/lease-keeper.js';
import { KeptRegistrar } from '../../src/discovery/kept-registrar.js';
import { ScriptedEtcd } from '../support/scripted-etcd.js';

type AnyRegistrar = ReturnType<RegistrarStage['registrar']>;
type Instance = Parameters<AnyRegistrar['register']>[0] & { readonly misspelt?: unknown };
type Registration = Awaited<ReturnType<AnyRegistrar['register']>>;

/** A registry in memory, and registrars at it, each of which may be made worse. */
function stage(worse: (registrar: AnyRegistrar) => AnyRegistrar = (registrar) => registrar): RegistrarStage {
  const etcd = new ScriptedEtcd();
  const context = { clock: new ManualClock(1_000), random: seededRandom(3) };
  const layout = layoutOf('test', { layout: 'instance-json', prefix: undefined, scheme: undefined });
  const lease = { ...context, calls: etcd, layout, ttlMs: 15_000, maxBackoffMs: 1_000, verifyIntervalMs: 5_000 };
  const endAll = (): void => {
    for (const each of [...etcd.leases]) etcd.endLease(each);
  };
  return {
    registrar: () =>
      worse(
        new KeptRegistrar<never, never, EtcdInstanceSettings>({
          ...context,
          ...{ name: 'etcd', where: 'etcd', onUnreachable: 'fail', onError: undefined, close: () => {} },
          read: (instance) => readInstance(layout, instance),
          update: (instance, changes) => updateInstance(layout, instance, changes),
          keeperOf: (instance, ended) => new LeaseKeeper(instance, lease, ended),
        }) as unknown as AnyRegistrar,
      ),
    listed: () =>
      [...etcd.keys.values()].map(({ value }) => {
        const { ID: id, Address, Weight: weight, Zone: zone, Tags: tags, Active: healthy } = JSON.parse(value);
        return { id, port: Number(Address.split(':')[1]), weight, zone, tags, healthy };
      }),
    forget: endAll,
    fail: () => {
      etcd.away = true;
    },
    restore: () => {
      etcd.away = false;
    },
    turn: () => context.clock.advanceAsync(500),
    close: endAll,
  };
}

/** A registrar that does something else with what it registered. */
const registering =
  (change: (registration: Registration) => Partial<Registration>) =>
  (registrar: AnyRegistrar): AnyRegistrar =>
    over(registrar, {
      register: async (instance) => {
        const registration = await registrar.register(instance);
        return over(registration, change(registration));
      },
    });

function over<T extends object>(whole: T, part: Partial<T>): T {
  return new Proxy(whole, {
    get: (target, name) => {
      const value: unknown = Reflect.get(part, name) ?? Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

const failures = async (worse?: (registrar: AnyRegistrar) => AnyRegistrar, traits = {}): Promise<string[]> => {
  const failed: string[] = [];
  for (const { name, run } of registrarChecks(() => stage(worse), traits)) {
    await run().catch((error: Error) => failed.push(`${name}: ${error.message}`));
  }
  return failed;
};

describe('the checks of a registrar', () => {
  it('find nothing in one that does what it should', async () => {
    expect(await failures()).toEqual([]);
  });

  it('are as many as there are promises, each a sentence about it', () => {
    const names = registrarChecks(() => stage()).map(({ name }) => name);
    expect(new Set(names).size).toBe(8);
    for (const name of names) expect(name).toMatch(/^[a-z]+s .+/);
  });

  it.each<[what: string, worse: (registrar: AnyRegistrar) => AnyRegistrar, found: RegExp]>([
    [
      'leaves what should go',
      registering(() => ({ deregister: async () => {} })),
      /registers what it is given.*: The registry has i1:5001 weight 3 in z1 tagged t1, and should have nothing\./,
    ],
    [
      'forgets changes',
      registering(() => ({ update: async () => {} })),
      /changes weight.*: The registry has i1:5001 weight 3 in z1 tagged t1, and should have i1:5001 weight 7 in z2 tagged t2\./,
    ],
    [
      'is deaf to its health',
      registering(() => ({ report: async () => {} })),
      /says what the instance says.*should have i1:5001 weight 3 in z1 tagged t1 critical/,
    ],
    [
      'always says that it is registered',
      registering(() => ({ status: 'registered' })),
      /takes it out again.*: Its status is registered, and should be deregistered\.[\s\S]*It did not come true: its status is lost/,
    ],
    [
      'tells of no errors',
      registering((registration) => ({ on: (() => () => registration) as never })),
      /says that it is lost.*: It reported no error\./,
    ],
    [
      'never comes to an end',
      registering(() => ({ deregister: () => new Promise(() => {}) })),
      /registers what it is given.*: A promise of it never settled\./,
    ],
    [
      'takes what is no instance',
      (registrar) =>
        over(registrar, {
          register: ({ misspelt: _, ...instance }: Instance) => registrar.register(instance),
        }),
      /refuses an id.*: It should have rejected with FAIRLEAD_INVALID_OPTION: resolved\./,
    ],
    [
      'rejects with an error of its own',
      (registrar) =>
        over(registrar, {
          register: (instance) => registrar.register(instance).catch(() => Promise.reject(new Error('mine'))),
        }),
      /It should have rejected with FAIRLEAD_CLOSED: Error: mine\.[\s\S]*FAIRLEAD_CONFLICT: Error: mine/,
    ],
  ])('find one that %s', async (_what, worse, found) => {
    expect((await failures(worse)).join('\n')).toMatch(found);
  });

  it('ask nothing of labels and health where a registry has none', async () => {
    const bare = registering(() => ({ update: async () => {}, report: async () => {} }));
    expect(await failures(bare, { labels: false, health: false })).toEqual([]);
    await expect(failures(bare, { labls: false })).rejects.toThrow(/registrarChecks\.labls is not an option/);
  });
});
