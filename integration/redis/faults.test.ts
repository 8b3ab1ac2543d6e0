import { Redis as Plain } from 'ioredis';
import { afterAll, describe, expect, it } from 'vitest';
import { type Redis as Server, startRedis } from '../harness/index.js';
import { type FaultLoad, startLoad } from './fault-load.js';
import { endpointsOf, redisOver, type TestRedis } from './support.js';

/** What is printed in the end: the table of docs/redis.md. */
const report: string[] = [];
afterAll(() => {
  const head = `${'onFailure, fault on one of three shards'.padEnd(44)}operations  failed there  failed elsewhere  lost  stale  misses  p99 elsewhere`;
  console.log(['', head, ...report].join('\n'));
});

type Policy = 'fail' | 'next';

interface Scenario {
  readonly name: string;
  readonly fault: (servers: readonly Server[], over: TestRedis, load: FaultLoad) => Promise<void>;
  /** Shards come or go: there is no victim. */
  readonly changes?: boolean;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const stateOf = (over: TestRedis): string => over.redis.describeRing().shards.find(({ name }) => name === 's1')!.state;
const reached = (over: TestRedis, state: string): Promise<void> =>
  expect.poll(() => stateOf(over), { timeout: 10_000, interval: 20 }).toBe(state);

const scenarios: Scenario[] = [
  {
    name: 'SIGKILL, back after 1 s',
    fault: async ([, victim], over) => {
      await victim!.kill();
      await reached(over, 'down');
      await pause(1_000);
      await victim!.restart();
      await reached(over, 'up');
    },
  },
  {
    name: 'stopped (SIGTERM) and started again at once',
    fault: async ([, victim], over) => {
      await victim!.restart();
      await reached(over, 'up');
    },
  },
  {
    name: 'SIGSTOP for 2 s',
    fault: async ([, victim], over) => {
      await victim!.pause();
      await reached(over, 'down');
      await pause(2_000);
      await victim!.resume();
      await reached(over, 'up');
    },
  },
  {
    name: 'slow: busy for 200 ms again and again, 2 s',
    fault: async ([, victim]) => {
      const plain = new Plain(victim!.port, victim!.host);
      for (let i = 0; i < 10; i++) await plain.call('DEBUG', 'SLEEP', '0.2');
      plain.disconnect();
    },
  },
  {
    name: 'a fourth joins',
    changes: true,
    fault: async (servers, over) => {
      over.resolver.update('cache', endpointsOf(servers));
      await pause(1_500);
    },
  },
  {
    name: 'a fourth joins and leaves again',
    changes: true,
    fault: async (servers, over) => {
      over.resolver.update('cache', endpointsOf(servers));
      await pause(1_500);
      over.resolver.update('cache', endpointsOf(servers.slice(0, 3)));
      await pause(1_500);
    },
  },
];

async function run(policy: Policy, { name, fault, changes = false }: Scenario): Promise<FaultLoad> {
  // A store keeps what it has acknowledged; a cache forgets it.
  const options = { persist: policy === 'fail', args: ['--enable-debug-command', 'yes'] };
  const servers = await Promise.all(Array.from({ length: changes ? 4 : 3 }, () => startRedis(options)));
  try {
    await using over = redisOver(servers.slice(0, 3), {
      onFailure: policy,
      ...(policy === 'fail' ? { handover: { windowMs: 20_000 } } : {}),
    });
    const load = startLoad(over.redis, changes ? undefined : 's1');
    await pause(1_500);
    load.mark();
    await fault(servers, over, load);
    await pause(500);
    await load.stop();
    report.push(`${`${policy}, ${name}`.padEnd(44)}${load.row()}`);
    return load;
  } finally {
    await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
  }
}

describe('a store under load (onFailure fail)', () => {
  it.each(scenarios)(
    '$name: nothing acknowledged is lost, nothing stale is read, no other shard fails',
    async (scenario) => {
      const load = await run('fail', scenario);
      expect(load.counts).toMatchObject({ lost: 0, stale: 0, failedElsewhere: 0 });
      if (scenario.changes) expect(load.counts.failedThere).toBe(0);
    },
  );
});

describe('a cache under load (onFailure next)', () => {
  it.each(scenarios)('$name: nothing stale is read, no other shard fails', async (scenario) => {
    const load = await run('next', scenario);
    expect(load.counts).toMatchObject({ stale: 0, failedElsewhere: 0 });
    if (scenario.changes) expect(load.counts.failedThere).toBe(0);
  });
});
