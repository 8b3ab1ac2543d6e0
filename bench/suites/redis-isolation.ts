import { createMesh, staticResolver } from 'fairlead';
import { ShardedRedis } from 'fairlead/redis';
import { Redis } from 'ioredis';
import type { Case, Contender, Suite } from '../runner/suite.js';

/**
 * What calls to healthy shards notice of one that is hung or slow. One worker per key over all
 * shards; the figure is the 99th percentile of the operations on the two healthy ones. Faults are
 * made from the contender's own process: a server sleeps by DEBUG, or its process is stopped.
 */
interface Address {
  readonly host: string;
  readonly port: number;
  readonly pid: number;
}

const WORKERS = 60;
const VICTIM = 1;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Fault {
  begin(victim: Address): Promise<void>;
  end(victim: Address): Promise<void>;
}

const NONE: Fault = { begin: async () => {}, end: async () => {} };
const HUNG: Fault = {
  begin: async ({ pid }) => void process.kill(pid, 'SIGSTOP'),
  end: async ({ pid }) => void process.kill(pid, 'SIGCONT'),
};
let debug: Redis | undefined;
const SLOW: Fault = {
  begin: async ({ host, port }) => {
    debug = new Redis(port, host);
    for (let i = 0; i < 5; i++) debug.call('DEBUG', 'SLEEP', '0.2').catch(() => {});
  },
  end: async () => {
    await debug?.ping();
    debug?.disconnect();
  },
};

const under =
  (onFailure: 'fail' | 'next', { begin, end }: Fault) =>
  async (servers: readonly Address[]): Promise<Contender> => {
    const endpoints = servers.map(({ host, port }, i) => ({ id: `s${i}`, host, port }));
    const mesh = createMesh({ resolver: staticResolver({ cache: endpoints }) });
    const redis = new ShardedRedis(mesh, { service: 'cache', onFailure });
    redis.on('error', () => {});
    return {
      run: async (operations) => {
        await begin(servers[VICTIM]!);
        const times: number[] = [];
        const figures = { failedElsewhere: 0, failedThere: 0 };
        let left = operations;
        const worker = async (key: string): Promise<void> => {
          const there = redis.shardFor(key) === `s${VICTIM}`;
          while (left > 0) {
            const beganMs = performance.now();
            try {
              await redis.set(key, 'x'.repeat(64));
              if (!there) {
                left--;
                times.push(performance.now() - beganMs);
              }
            } catch {
              figures[there ? 'failedThere' : 'failedElsewhere']++;
              await pause(10);
            }
          }
        };
        const healthy = Array.from({ length: WORKERS }, (_, i) => `isolation:${i}`);
        // A worker of the victim may hang as long as the fault lasts.
        const all = Promise.all(healthy.map(worker));
        while (left > 0) await pause(5);
        await end(servers[VICTIM]!);
        await all;
        times.sort((a, b) => a - b);
        return { p99Ms: times[Math.floor(times.length * 0.99)]!, ...figures };
      },
      close: () => redis.disconnect(),
    };
  };

const isolation = (onFailure: 'fail' | 'next'): Case<readonly Address[]> => ({
  title: `onFailure '${onFailure}'`,
  operations: 20_000,
  baseline: 'no fault',
  measure: 'p99Ms',
  warmups: 1,
  contenders: {
    'no fault': under(onFailure, NONE),
    'one shard hung (SIGSTOP)': under(onFailure, HUNG),
    'one shard slow (asleep 200 ms at a time)': under(onFailure, SLOW),
  },
});

export const suite: Suite<readonly Address[]> = {
  about: 'what calls to healthy shards notice of one that is hung or slow',
  rounds: 5,
  start: async () => {
    const { startRedis } = await import('../../integration/harness/index.js');
    const servers = await Promise.all([1, 2, 3].map(() => startRedis({ args: ['--enable-debug-command', 'yes'] })));
    const pidOf = async ({ host, port }: { readonly host: string; readonly port: number }): Promise<number> => {
      const client = new Redis(port, host);
      const info = await client.info('server');
      client.disconnect();
      return Number(/process_id:(\d+)/.exec(info)![1]);
    };
    const world = await Promise.all(
      servers.map(async ({ host, port }) => ({ host, port, pid: await pidOf({ host, port }) })),
    );
    return {
      world,
      stop: async () => {
        await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
      },
    };
  },
  cases: [isolation('fail'), isolation('next')],
};
