import { type Resolver, staticResolver } from 'fairlead';
import { consulResolver } from 'fairlead/consul';
import { fallback, merge } from 'fairlead/sources';
import {
  ManualClock,
  type ResolverStage,
  type ResolverTraits,
  resolverChecks,
  type StagedInstance,
  seededRandom,
} from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { scriptedDnsStage, scriptedEtcdStage } from '../support/resolver-stages.js';
import { ScriptedConsul } from '../support/scripted-consul.js';

const query = { service: 'users', params: {} };

const staticStage = (): ResolverStage => {
  const resolver = staticResolver();
  return { resolver, query, list: (instances) => resolver.update('users', instances), close: () => {} };
};

/** What composes others has to do what they do. */
const composed = (compose: (resolver: Resolver) => Resolver) => (): ResolverStage => {
  const inner = scriptedEtcdStage();
  return { ...inner, resolver: compose(inner.resolver) };
};

async function consulStage(): Promise<ResolverStage> {
  const consul = await ScriptedConsul.start();
  const clock = new ManualClock(1_000);
  const resolver = consulResolver({ address: consul.address, env: {} });
  let listed: Parameters<ScriptedConsul['set']>[1] = [];
  return {
    resolver,
    context: { clock, random: seededRandom(7) },
    query,
    list: (instances) => {
      listed = instances.map(({ id, host, port, weight, healthy, zone, tags, meta }) => ({
        ...{ id, host, port, weights: { Passing: weight, Warning: 1 }, tags, meta: { ...meta, zone } },
        status: healthy ? ('passing' as const) : ('critical' as const),
      }));
      consul.set('users', listed);
    },
    fail: () => consul.down(),
    restore: () => consul.up(),
    lie: async () => {
      consul.set('users', []);
      await clock.advanceAsync(50);
      await consul.quiet();
      consul.set('users', listed);
    },
    turn: async () => {
      await clock.advanceAsync(50);
      await consul.quiet();
    },
    close: async () => {
      resolver.close?.();
      await consul.down();
    },
  };
}

/** Every source there is: what it is made of here, and what it does not know. */
const SOURCES: readonly [name: string, make: Parameters<typeof resolverChecks>[0], ResolverTraits][] = [
  ['static', staticStage, {}],
  ['Consul', consulStage, {}],
  ['etcd', scriptedEtcdStage, {}],
  ['DNS', scriptedDnsStage, { health: false, ids: false, weights: false, labels: false }],
  ['fallback', composed((resolver) => fallback([{ resolver }, { name: 'none', resolver: staticResolver() }])), {}],
  [
    'merge',
    composed((resolver) => merge([{ resolver }, { name: 'none', resolver: staticResolver({ users: [] }) }])),
    {},
  ],
];

describe.each(SOURCES)('the source %s', (_name, make, traits) => {
  for (const check of resolverChecks(make, traits)) it(check.name, check.run);
});

describe('the checks of a resolver find one that', () => {
  /** A resolver of lists that the test writes down, with a mistake. */
  const broken = (mistake: (lists: StagedLists) => Resolver, lies = false): (() => ResolverStage) => {
    return () => {
      const lists = new StagedLists();
      const stage = { resolver: mistake(lists), query, turn: async () => {}, close: () => {} };
      const list = (instances: readonly StagedInstance[]): void => lists.set(instances);
      return { ...stage, list, ...(lies && { lie: () => lists.lie() }) };
    };
  };
  const failures = async (make: () => ResolverStage): Promise<string[]> => {
    const failed: string[] = [];
    for (const { name, run } of resolverChecks(make)) {
      await run().catch((error: Error) => failed.push(`${name}: ${error.message}`));
    }
    return failed;
  };

  it.each<[string, (lists: StagedLists) => Resolver, RegExp]>([
    [
      'leaves out what is unhealthy',
      (lists) => lists.resolver((list) => list.filter(({ healthy }) => healthy)),
      /not as absent: Registered is i1=127\.0\.0\.1:5001 weight 1 in z1 tagged t1 of o1, i2=.*i3=127\.0\.0\.3:5001 weight 3 in z1 tagged t3 of o3 unhealthy, but/,
    ],
    [
      'takes what is unhealthy for well',
      (lists) => lists.resolver((list) => list.map((each) => ({ ...each, healthy: true }))),
      /unhealthy, not as absent/,
    ],
    ['repeats its version', (lists) => lists.resolver((list) => list, 'one'), /Version 'one' stands for two lists/],
    ['calls on after the end', (lists) => lists.resolver((list) => list, undefined, true), /after the signal aborted/],
  ])('%s', async (_what, mistake, message) => {
    expect((await failures(broken(mistake))).join('\n')).toMatch(message);
  });

  it('believes a registry that says once that there is nothing', async () => {
    const believing = broken((lists) => lists.resolver((list) => list), true);
    expect((await failures(believing)).join()).toMatch(/It reported an empty list, which nothing had confirmed/);
  });

  it('does nothing wrong, and says nothing of it', async () => {
    expect(await failures(broken((lists) => lists.resolver((list) => list)))).toEqual([]);
  });
});

class StagedLists {
  #list: readonly StagedInstance[] = [];
  #changes = 0;
  readonly #watchers = new Set<() => void>();

  set(list: readonly StagedInstance[]): void {
    this.#list = list;
    this.#changes++;
    for (const tell of this.#watchers) tell();
  }

  lie(): void {
    const before = this.#list;
    this.set([]);
    this.set(before);
  }

  resolver(
    map: (list: readonly StagedInstance[]) => readonly StagedInstance[],
    version?: string,
    deaf = false,
  ): Resolver {
    return {
      name: 'broken',
      watch: (_query, sink, signal) => {
        const tell = (): void => {
          const specs = map(this.#list).map((each) => ({ ...each, priority: 0 }));
          try {
            sink.snapshot(specs, version ?? String(this.#changes));
          } catch {
            // What a sink throws stops nobody.
          }
        };
        this.#watchers.add(tell);
        if (!deaf) signal.addEventListener('abort', () => this.#watchers.delete(tell), { once: true });
        tell();
      },
    };
  }
}
