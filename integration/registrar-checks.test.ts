import { consulRegistrar } from 'fairlead/consul';
import { etcdRegistrar } from 'fairlead/etcd';
import { type RegistrarStage, registrarChecks } from 'fairlead/testing';
import { describe, it } from 'vitest';
import { type EtcdVersion, startConsul, startEtcd } from './harness/index.js';

interface ConsulEntry {
  readonly Service: {
    readonly ID: string;
    readonly Port: number;
    readonly Tags: readonly string[];
    readonly Meta: Readonly<Record<string, string>>;
    readonly Weights: { readonly Passing: number };
  };
  readonly Checks: readonly { readonly Status: string }[];
}

async function consulStage(): Promise<RegistrarStage> {
  const consul = await startConsul();
  return {
    registrar: () => consulRegistrar({ address: consul.url, env: {}, verifyIntervalMs: 200, maxBackoffMs: 200 }),
    listed: async () => {
      const entries = await consul.api<readonly ConsulEntry[]>('GET', '/v1/health/service/users');
      return entries.map(({ Service: { ID, Port, Tags, Meta, Weights }, Checks }) => ({
        ...{ id: ID, port: Port, weight: Weights.Passing, zone: Meta.zone!, tags: Tags },
        healthy: Checks.every(({ Status }) => Status !== 'critical'),
      }));
    },
    forget: async () => {
      for (const id of Object.keys(await consul.api<object>('GET', '/v1/agent/services'))) await consul.deregister(id);
    },
    fail: () => consul.kill(),
    // A dev agent forgets all.
    restore: () => consul.restart(),
    close: () => consul[Symbol.asyncDispose](),
  };
}

async function etcdStage(version: EtcdVersion): Promise<RegistrarStage> {
  const etcd = await startEtcd({ version });
  const options = { ttlMs: 2_000, requestTimeoutMs: 500, maxBackoffMs: 200, layout: 'instance-json' } as const;
  return {
    registrar: () => etcdRegistrar({ address: etcd.address, ...options }),
    listed: async () =>
      Object.values(await etcd.range('services/users/')).map((value) => {
        const { ID, Address, Weight, Zone, Tags, Active } = JSON.parse(value);
        const port = Number(/\d+$/.exec(Address)![0]);
        return { id: ID, port, weight: Weight, zone: Zone, tags: Tags, healthy: Active };
      }),
    forget: () => etcd.endLeases(),
    fail: () => etcd.kill(),
    restore: () => etcd.restart(),
    close: () => etcd[Symbol.asyncDispose](),
  };
}

describe('the Consul registrar at a real agent', () => {
  for (const check of registrarChecks(consulStage)) it(check.name, check.run);
});

describe.each<EtcdVersion>(['3.4', '3.5'])('the etcd registrar at etcd %s', (version) => {
  for (const check of registrarChecks(() => etcdStage(version))) it(check.name, check.run);
});
