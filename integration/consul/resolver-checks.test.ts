import { consulResolver } from 'fairlead/consul';
import { type ResolverStage, resolverChecks, type StagedInstance } from 'fairlead/testing';
import { describe, it } from 'vitest';
import { startConsul } from '../harness/index.js';

/**
 * A real agent that is told what to list, each instance with a check of its own that says how it
 * is.
 */
async function stage(options: { readonly consistency?: 'stale' | 'default' } = {}): Promise<ResolverStage> {
  const consul = await startConsul({ persist: true });
  const resolver = consulResolver({ address: consul.url, env: {}, graceMs: 300, ...options });
  let listed: readonly StagedInstance[] = [];
  let away = false;
  const sync = async (): Promise<void> => {
    const known = await consul.api<Record<string, unknown>>('GET', '/v1/agent/services');
    for (const id of Object.keys(known)) if (!listed.some((each) => each.id === id)) await consul.deregister(id);
    for (const { id, host, port, weight, healthy, zone, tags, meta } of listed) {
      await consul.register({
        ...{ Name: 'users', ID: id, Address: host, Port: port, Weights: { Passing: weight, Warning: 1 } },
        ...{ Tags: tags, Meta: { ...meta, zone } },
        Check: { CheckID: `check-${id}`, TTL: '10m', Status: healthy ? 'passing' : 'critical' },
      });
      // An agent that knows the check keeps the state it has.
      await consul.api('PUT', `/v1/agent/check/${healthy ? 'pass' : 'fail'}/check-${id}`);
    }
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
      await consul.kill();
    },
    restore: async () => {
      await consul.restart();
      away = false;
      await sync();
    },
    close: async () => {
      resolver.close?.();
      await consul.stop();
    },
  };
}

describe('the Consul resolver at a real agent', () => {
  for (const check of resolverChecks(stage)) it(check.name, check.run);
});
