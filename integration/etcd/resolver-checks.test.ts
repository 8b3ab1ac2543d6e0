import { etcdResolver } from 'fairlead/etcd';
import { type ResolverStage, resolverChecks, type StagedInstance } from 'fairlead/testing';
import { describe, it } from 'vitest';
import { type EtcdVersion, type Fault, heal, inflict, ON_THE_WAY, Relay, startEtcd } from '../harness/index.js';

/** A real etcd that is told what to list. */
async function stage(version: EtcdVersion, fault: Fault = 'kill', slowMs = 0): Promise<ResolverStage> {
  const etcd = await startEtcd({ version });
  const relay = await Relay.before(etcd);
  if (slowMs > 0) relay.delay(slowMs);
  const timing = { requestTimeoutMs: 1_000, progressMs: 500, confirmMs: 100, graceMs: 300 };
  const resolver = etcdResolver({ address: relay.address, layout: 'instance-json', ...timing });
  let listed: readonly StagedInstance[] = [];
  let away = false;
  const sync = async (): Promise<void> => {
    const known = await etcd.range('services/users/');
    const wanted = new Map(
      listed.map(({ id, host, port, weight, healthy, zone, tags, meta }) => [
        `services/users/${id}`,
        JSON.stringify({
          ...{ ID: id, Address: `${host}:${port}`, Weight: weight, Active: healthy },
          ...{ Zone: zone, Tags: tags, Meta: meta },
        }),
      ]),
    );
    for (const key of Object.keys(known)) if (!wanted.has(key)) await etcd.delete(key);
    for (const [key, value] of wanted) if (known[key] !== value) await etcd.put(key, value);
  };
  return {
    resolver,
    query: { service: 'users', params: {} },
    list: async (instances) => {
      listed = instances;
      if (!away) await sync();
    },
    fail: async () => {
      away = !ON_THE_WAY.includes(fault);
      await inflict(fault, etcd, relay);
    },
    restore: async () => {
      await heal(fault, etcd, relay);
      away = false;
      await sync();
    },
    lie: async () => {
      await etcd.deleteAll('services/users/');
      await sync();
    },
    close: async () => {
      resolver.close?.();
      await relay[Symbol.asyncDispose]();
      await etcd[Symbol.asyncDispose]();
    },
  };
}

describe.each<EtcdVersion>(['3.4', '3.5'])('the etcd resolver at etcd %s', (version) => {
  for (const check of resolverChecks(() => stage(version))) it(check.name, check.run);
});

describe('the etcd resolver, under other faults,', () => {
  const checkOf = (name: RegExp, ...world: Parameters<typeof stage>) =>
    resolverChecks(() => stage(...world)).find((check) => name.test(check.name))!;
  const outage = /through an outage/;
  it.each<Fault>(['pause', 'cut', 'hold', 'swallow', 'corrupt'])('keeps the list through them (%s)', (fault) =>
    checkOf(outage, '3.5', fault).run(),
  );
  it('reports changes while each answer takes a tenth of a second', () =>
    checkOf(/arrivals/, '3.5', 'kill', 100).run());
});
