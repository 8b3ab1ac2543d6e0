import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dnsResolver } from 'fairlead/dns';
import { fileResolver } from 'fairlead/sources';
import { type ResolverStage, resolverChecks, type StagedInstance } from 'fairlead/testing';
import { describe, it } from 'vitest';
import { startDnsmasq } from '../harness/index.js';

async function dnsStage(): Promise<ResolverStage> {
  const dns = await startDnsmasq();
  const timing = { minRefreshMs: 100, confirmMs: 500, graceMs: 500, timeoutMs: 500, tries: 1 };
  const resolver = dnsResolver({ servers: [dns.address], port: 5_001, ...timing });
  return {
    resolver,
    query: { service: 'users.test', params: {} },
    list: (instances) =>
      dns.set({ hosts: instances.length === 0 ? {} : { 'users.test': instances.map(({ host }) => host) } }),
    fail: () => dns.kill(),
    restore: () => dns.restart(),
    close: async () => {
      resolver.close?.();
      await dns[Symbol.asyncDispose]();
    },
  };
}

async function fileStage(): Promise<ResolverStage> {
  const folder = await mkdtemp(join(tmpdir(), 'fairlead-checks-'));
  const path = join(folder, 'services.json');
  const resolver = fileResolver({ path, pollMs: 500 });
  const write = async (services: Readonly<Record<string, readonly StagedInstance[]>>): Promise<void> => {
    await writeFile(`${path}.new`, JSON.stringify(services));
    await rename(`${path}.new`, path);
  };
  let listed: readonly StagedInstance[] = [];
  let away = false;
  await write({});
  return {
    resolver,
    query: { service: 'users', params: {} },
    list: async (instances) => {
      listed = instances;
      if (!away) await write({ users: instances });
    },
    fail: async () => {
      away = true;
      await rm(path);
    },
    restore: async () => {
      away = false;
      await write({ users: listed });
    },
    lie: async () => {
      await write({ users: [] });
      await new Promise((resolve) => setTimeout(resolve, 200));
      await write({ users: listed });
    },
    close: async () => {
      resolver.close?.();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

describe('the DNS resolver at dnsmasq', () => {
  const traits = { health: false, ids: false, weights: false, labels: false };
  for (const check of resolverChecks(dnsStage, traits)) it(check.name, check.run);
});

describe('the file resolver', () => {
  for (const check of resolverChecks(fileStage)) it(check.name, check.run);
});
