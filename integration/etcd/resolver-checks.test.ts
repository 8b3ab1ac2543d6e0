import { etcdResolver } from 'fairlead/etcd';
import { type ResolverStage, resolverChecks, type StagedInstance } from 'fairlead/testing';
import { describe, it } from 'vitest';
import { type EtcdVersion, startEtcd } from '../harness/index.js';

/** A real etcd that is told what to list. */
async function stage(version: EtcdVersion): Promise<ResolverStage> {
  const etcd = await startEtcd({ version });
  const timing = { requestTimeoutMs: 1_000, progressMs: 500, confirmMs: 100, graceMs: 300 };
  const resolver = etcdResolver({ address: etcd.address, layout: 'instance-json', ...timing });
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
      away = true;
      await etcd.kill();
    },
    restore: async () => {
      await etcd.restart();
      away = false;
      await sync();
    },
    close: async () => {
      resolver.close?.();
      await etcd[Symbol.asyncDispose]();
    },
  };
}

describe.each<EtcdVersion>(['3.4', '3.5'])('the etcd resolver at etcd %s', (version) => {
  for (const check of resolverChecks(() => stage(version))) it(check.name, check.run);
});
