/**
 * What calls to healthy shards notice of one that is dead, hung or slow. `npm run
 * bench:redis:isolation`.
 *
 * Three servers, one worker per key over all shards, in pairs of slices: all healthy, then with the
 * fault. Printed is the 99th percentile of the operations on the two healthy shards and the median,
 * over the rounds, of its ratio within a pair; beside it what became of the others.
 */
import { createMesh, staticResolver } from 'fairlead';
import { ShardedRedis } from 'fairlead/redis';
import { Redis } from 'ioredis';
import { startRedis } from '../integration/harness/index.js';

const ROUNDS = Number(process.env.ROUNDS ?? 5);
const SLICE_MS = Number(process.env.SLICE_MS ?? 800);
const WORKERS = 60;

const servers = await Promise.all([0, 1, 2].map(() => startRedis({ args: ['--enable-debug-command', 'yes'] })));
const victim = servers[1]!;
const mesh = createMesh({
  resolver: staticResolver({ cache: servers.map(({ host, port }, i) => ({ id: `s${i}`, host, port })) }),
});

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Fault {
  readonly name: string;
  begin(): Promise<void>;
  end(): Promise<void>;
}

let debug: Redis | undefined;
const faults: Fault[] = [
  { name: 'none', begin: async () => {}, end: async () => {} },
  { name: 'dead (SIGKILL)', begin: () => victim.kill(), end: () => victim.restart() },
  { name: 'hung (SIGSTOP)', begin: () => victim.pause(), end: () => victim.resume() },
  {
    name: 'slow (asleep 200 ms at a time)',
    begin: async () => {
      debug = new Redis(victim.port, victim.host);
      for (let i = 0; i < SLICE_MS / 200; i++) debug.call('DEBUG', 'SLEEP', '0.2').catch(() => {});
    },
    end: async () => debug?.disconnect(),
  },
];

interface Slice {
  readonly p99: number;
  readonly healthy: number;
  readonly failedElsewhere: number;
  readonly failedThere: number;
}

async function slice(redis: ShardedRedis): Promise<Slice> {
  const latencies: number[] = [];
  let failedElsewhere = 0;
  let failedThere = 0;
  const until = performance.now() + SLICE_MS;
  const worker = async (key: string): Promise<void> => {
    const there = redis.shardFor(key) === 's1';
    while (performance.now() < until) {
      const began = performance.now();
      try {
        await redis.set(key, 'x'.repeat(64));
        if (!there) latencies.push(performance.now() - began);
      } catch {
        if (there) failedThere++;
        else failedElsewhere++;
        await pause(10);
      }
    }
  };
  const workers = Array.from({ length: WORKERS }, (_, i) => worker(`isolation:${i}`));
  await Promise.race([Promise.all(workers), pause(SLICE_MS + 200)]);
  latencies.sort((a, b) => a - b);
  return {
    p99: latencies[Math.floor(latencies.length * 0.99)]!,
    healthy: latencies.length,
    failedElsewhere,
    failedThere,
  };
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;

console.log(
  'onFailure  fault                            p99 without   p99 with   ratio   failed elsewhere   failed there',
);
for (const onFailure of ['fail', 'next'] as const) {
  for (const { name, begin, end } of faults) {
    const pairs: [Slice, Slice][] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const redis = new ShardedRedis(mesh, { service: 'cache', onFailure });
      redis.on('error', () => {});
      await redis.set('warm', 'x');
      await slice(redis);
      const without = await slice(redis);
      await begin();
      const during = await slice(redis);
      await end();
      redis.disconnect();
      await pause(300);
      pairs.push([without, during]);
    }
    const of = (pick: (pair: [Slice, Slice]) => number): number => median(pairs.map(pick));
    const total = (pick: (slice: Slice) => number): number => pairs.reduce((sum, [, during]) => sum + pick(during), 0);
    console.log(
      `${onFailure.padEnd(11)}${name.padEnd(33)}${of(([a]) => a.p99)
        .toFixed(2)
        .padStart(8)} ms${of(([, b]) => b.p99)
        .toFixed(2)
        .padStart(8)} ms` +
        `${of(([a, b]) => b.p99 / a.p99)
          .toFixed(2)
          .padStart(
            8,
          )}${String(total((s) => s.failedElsewhere)).padStart(19)}${String(total((s) => s.failedThere)).padStart(15)}`,
    );
  }
}
await mesh.close();
await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
process.exit(0);
