import { etcdResolver } from 'fairlead/etcd';
import { type ResolverStage, resolverChecks, type StagedInstance } from 'fairlead/testing';
import { describe, it } from 'vitest';
import { startEtcd } from '../harness/index.js';

/** A real etcd that is told what to list. */
async function stage(): Promise<ResolverStage> {
  const etcd = await startEtcd();
  const timing = { requestTimeoutMs: 1_000, progressMs: 500, confirmMs: 100, graceMs: 300 };
  const resolver = etcdResolver({ address: etcd.address, layout: 'instance-json', ...timing });
  let listed: readonly StagedInstance[] = [];
  let away = false;
  const sync = async (): Promise<void> => {
    const known = await etcd.range('services/users/');
    const wanted = new Map(
      listed.map(({ id, host, port, weight, healthy }) => [
        `services/users/${id}`,
        JSON.stringify({ ID: id, Address: `${host}:${port}`, Weight: weight, Active: healthy }),
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

describe('the etcd resolver at a real server', () => {
  for (const check of resolverChecks(stage)) it(check.name, check.run);
});
