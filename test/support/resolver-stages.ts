import { ManualClock, type ResolverStage, type StagedInstance, seededRandom } from 'fairlead/testing';
import { PerClock } from '../../src/discovery/context.js';
import { DnsResolver } from '../../src/discovery/dns/dns-resolver.js';
import type { DnsWatch } from '../../src/discovery/dns/dns-watch.js';
import { awayMs } from '../../src/discovery/etcd/calls.js';
import { EtcdResolver } from '../../src/discovery/etcd/etcd-resolver.js';
import type { ServiceWatch } from '../../src/discovery/etcd/service-watch.js';
import { ServerPause } from '../../src/discovery/server-pause.js';
import { SharedWatches } from '../../src/discovery/shared-watches.js';
import { addresses, ScriptedDns } from './scripted-dns.js';
import { ScriptedEtcd } from './scripted-etcd.js';

const query = { service: 'users', params: {} };
const GUARD = { maxShrinkRatio: 0.5, confirmMs: 1_000, graceMs: 2_000 };
const OWN = { clock: undefined, random: undefined };

/** The etcd resolver over an etcd in memory. */
export function scriptedEtcdStage(): ResolverStage {
  const etcd = new ScriptedEtcd();
  const clock = new ManualClock(1_000);
  const options = { ...GUARD, requestTimeoutMs: 5_000, progressMs: 5_000, maxBackoffMs: 750, maxKeys: 1_000 };
  const clusters = new PerClock(OWN, (context) => ({
    context: { ...context, calls: etcd, pause: new ServerPause(context, 750, awayMs), options },
    watches: new SharedWatches<ServiceWatch>(),
  }));
  const keyOf = ({ id }: StagedInstance): string => `services/users/${id}`;
  const list = (instances: readonly StagedInstance[]): void => {
    const wanted = new Set(instances.map(keyOf));
    for (const key of [...etcd.keys.keys()]) if (!wanted.has(key)) etcd.delete(key);
    for (const each of instances) {
      const { id, host, port, weight, healthy, zone, tags, meta } = each;
      const value = { ID: id, Address: `${host}:${port}`, Weight: weight, Active: healthy };
      etcd.set(keyOf(each), JSON.stringify({ ...value, Zone: zone, Tags: tags, Meta: meta }));
    }
  };
  return {
    resolver: new EtcdResolver({ layout: 'instance-json', prefix: undefined, scheme: undefined }, clusters),
    context: { clock, random: seededRandom(7) },
    query,
    list,
    fail: () => {
      etcd.away = true;
      etcd.cut();
    },
    restore: () => {
      etcd.away = false;
    },
    lie: async () => {
      const before = [...etcd.keys.values()];
      for (const { key } of before) etcd.delete(key);
      await clock.advanceAsync(100);
      for (const { key, value } of before) etcd.set(key, value);
    },
    turn: () => clock.advanceAsync(50),
    close: () => {},
  };
}

/** The DNS resolver over records in memory. */
export function scriptedDnsStage(): ResolverStage {
  const dns = new ScriptedDns();
  const clock = new ManualClock(1_000);
  const options = { ...GUARD, minRefreshMs: 1_000, maxRefreshMs: 60_000, refreshMs: undefined };
  const zones = new PerClock(OWN, (context) => ({
    context: { ...context, lookups: dns, options },
    watches: new SharedWatches<DnsWatch>(),
  }));
  let away = false;
  let listed: readonly StagedInstance[] = [];
  const sync = (): void => {
    if (away) dns.a4.users = new Error('A users: ETIMEOUT');
    else if (listed.length === 0) delete dns.a4.users;
    else dns.a4.users = addresses(1, ...listed.map(({ host }) => host));
  };
  return {
    resolver: new DnsResolver({ records: 'a', port: 5_001 }, zones),
    context: { clock, random: seededRandom(7) },
    query,
    list: (instances) => {
      listed = instances;
      sync();
    },
    fail: () => {
      away = true;
      sync();
    },
    restore: () => {
      away = false;
      sync();
    },
    lie: async () => {
      delete dns.a4.users;
      const before = dns.asked.length;
      while (dns.asked.length === before) await clock.advanceAsync(50);
      sync();
    },
    turn: () => clock.advanceAsync(50),
    close: () => {},
  };
}
