import { consulResolver } from 'fairlead/consul';
import { type ResolverStage, resolverChecks, type StagedInstance } from 'fairlead/testing';
import { describe, it } from 'vitest';
import { type Fault, heal, inflict, ON_THE_WAY, Relay, startConsul } from '../harness/index.js';

/**
 * A real agent that is told what to list, each instance with a check of its own that says how it
 * is.
 */
async function stage(fault: Fault = 'kill', slowMs = 0): Promise<ResolverStage> {
  const consul = await startConsul({ persist: true });
  const relay = await Relay.before(consul);
  if (slowMs > 0) relay.delay(slowMs);
  const timing = { graceMs: 300, waitMs: 1_000, requestTimeoutMs: 1_000 };
  const resolver = consulResolver({ address: relay.address, env: {}, ...timing });
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
      away = !ON_THE_WAY.includes(fault);
      await inflict(fault, consul, relay);
    },
    restore: async () => {
      await heal(fault, consul, relay);
      away = false;
      await sync();
    },
    lie: async () => {
      for (const { id } of listed) await consul.deregister(id);
      await sync();
    },
    close: async () => {
      resolver.close?.();
      await relay[Symbol.asyncDispose]();
      await consul.stop();
    },
  };
}

describe('the Consul resolver at a real agent', () => {
  for (const check of resolverChecks(() => stage())) it(check.name, check.run);
});

describe('the Consul resolver, under other faults,', () => {
  const checkOf = (name: RegExp, ...world: Parameters<typeof stage>) =>
    resolverChecks(() => stage(...world)).find((check) => name.test(check.name))!;
  const outage = /through an outage/;
  it.each<Fault>(['pause', 'cut', 'hold', 'swallow', 'corrupt'])('keeps the list through them (%s)', (fault) =>
    checkOf(outage, fault).run(),
  );
  it('reports changes while each answer takes a quarter of a second', () => checkOf(/arrivals/, 'kill', 250).run());
});
