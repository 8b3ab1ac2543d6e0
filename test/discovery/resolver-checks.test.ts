import { type Resolver, staticResolver } from 'fairlead';
import { consulResolver } from 'fairlead/consul';
import { ManualClock, type ResolverStage, resolverChecks, type StagedInstance, seededRandom } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { ScriptedConsul } from '../support/scripted-consul.js';

const query = { service: 'users', params: {} };

const staticStage = (): ResolverStage => {
  const resolver = staticResolver();
  return { resolver, query, list: (instances) => resolver.update('users', instances), close: () => {} };
};

async function consulStage(): Promise<ResolverStage> {
  const consul = await ScriptedConsul.start();
  const clock = new ManualClock(1_000);
  const resolver = consulResolver({ address: consul.address, env: {} });
  return {
    resolver,
    context: { clock, random: seededRandom(7) },
    query,
    list: (instances) =>
      consul.set(
        'users',
        instances.map(({ id, host, port, weight, healthy }) => ({
          ...{ id, host, port, weights: { Passing: weight, Warning: 1 } },
          status: healthy ? 'passing' : 'critical',
        })),
      ),
    fail: () => consul.down(),
    restore: () => consul.up(),
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

describe('staticResolver', () => {
  for (const check of resolverChecks(staticStage)) it(check.name, check.run);
});

describe('consulResolver', () => {
  for (const check of resolverChecks(consulStage)) it(check.name, check.run);
});

describe('the checks of a resolver find one that', () => {
  /** A resolver of lists that the test writes down, with a mistake. */
  const broken = (mistake: (lists: StagedLists) => Resolver): (() => ResolverStage) => {
    return () => {
      const lists = new StagedLists();
      return { resolver: mistake(lists), query, list: (i) => lists.set(i), turn: async () => {}, close: () => {} };
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
      /not as absent: Registered is i1=127\.0\.0\.1:5001 weight 1, i2=.*i3=127\.0\.0\.3:5001 weight 3 unhealthy, but/,
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

  resolver(
    map: (list: readonly StagedInstance[]) => readonly StagedInstance[],
    version?: string,
    deaf = false,
  ): Resolver {
    return {
      name: 'broken',
      watch: (_query, sink, signal) => {
        const tell = (): void => {
          const specs = map(this.#list).map((each) => ({ ...each, priority: 0, zone: '', tags: [], meta: {} }));
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
