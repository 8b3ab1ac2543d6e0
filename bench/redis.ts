/**
 * GET and SET through ShardedRedis over three servers, beside what it is chosen instead of: one
 * plain ioredis on one server (also with autopipelining), ioredis.Cluster on three nodes, and the
 * `hashring` package with three clients; and over one server, where it should cost no more than
 * ioredis. Then pipelines of 100 commands, where they can be had. `npm run bench:redis`.
 *
 * All share this process and take turns in short slices, so that what else the machine does hits
 * all alike. Throughput is the median over the rounds, ratios are medians of the ratios within each
 * round; CPU is that of this process, per operation. Values have 64 bytes. Neither ioredis nor
 * Cluster joins the writes of a tick by itself, as ShardedRedis does: with autopipelining they do,
 * so compare with that as well. One at a time, who has three servers waits for one that sleeps more
 * often: compare ShardedRedis with the other clients of three.
 */
import { createMesh, staticResolver } from 'fairlead';
import { ShardedRedis } from 'fairlead/redis';
import HashRing from 'hashring';
import { Cluster, Redis } from 'ioredis';
import { startRedis, startRedisCluster } from '../integration/harness/index.js';

const ROUNDS = Number(process.env.ROUNDS ?? 9);
const SLICE_MS = Number(process.env.SLICE_MS ?? 300);
const CONCURRENCIES = [1, 100, 1_000];
const VALUE = 'x'.repeat(64);
const KEYS = Array.from({ length: 10_000 }, (_, i) => `user:${i}:profile`);

interface Contender {
  readonly name: string;
  get(key: string): Promise<unknown>;
  set(key: string): Promise<unknown>;
  /** Sets 100 keys by one pipeline. */
  pipeline?(keys: readonly string[]): Promise<unknown>;
}

interface Slice {
  readonly opsPerSecond: number;
  readonly cpuMicros: number;
}

const single = await startRedis();
const servers = await Promise.all([startRedis(), startRedis(), startRedis()]);
const nodes = await startRedisCluster();

const endpoints = servers.map(({ host, port }, i) => ({ id: `s${i}`, host, port }));
const only = [{ id: 'only', host: single.host, port: single.port }];
const mesh = createMesh({ resolver: staticResolver({ cache: endpoints, single: only }) });
const sharded = new ShardedRedis(mesh, { service: 'cache' });
const alone = new ShardedRedis(mesh, { service: 'single' });
const plain = new Redis(single.port, single.host);
const piped = new Redis(single.port, single.host, { enableAutoPipelining: true });
const cluster = new Cluster(nodes.nodes.map(({ host, port }) => ({ host, port })));
const ring = new HashRing(servers.map(({ address }) => address));
const byAddress = new Map(servers.map(({ address, host, port }) => [address, new Redis(port, host)]));

const of = (
  name: string,
  client: { get(key: string): Promise<unknown>; set(key: string, value: string): Promise<unknown> },
): Contender => ({
  name,
  get: (key) => client.get(key),
  set: (key) => client.set(key, VALUE),
});
const piping = (name: string, client: Redis): Contender => ({
  ...of(name, client),
  pipeline: async (keys) => {
    const pipeline = client.pipeline();
    for (const key of keys) pipeline.set(key, VALUE);
    await pipeline.exec();
  },
});
const contenders: Contender[] = [
  piping('ioredis, 1 server', plain),
  of('ioredis with autopipelining, 1 server', piped),
  of('ioredis.Cluster, 3 nodes', cluster),
  {
    name: 'hashring and 3 ioredis',
    get: (key) => byAddress.get(ring.get(key))!.get(key),
    set: (key) => byAddress.get(ring.get(key))!.set(key, VALUE),
  },
  piping('ShardedRedis, 3 servers', sharded),
  piping('ShardedRedis, 1 server', alone),
];

/** Runs `concurrency` loops for a slice of time. `size`: operations per run. */
async function slice(run: (next: () => string) => Promise<unknown>, concurrency: number, size = 1): Promise<Slice> {
  let done = 0;
  let at = 0;
  const next = (): string => {
    at = at + 1 === KEYS.length ? 0 : at + 1;
    return KEYS[at]!;
  };
  const cpu = process.cpuUsage();
  const began = performance.now();
  const end = began + SLICE_MS;
  const loop = async (): Promise<void> => {
    while (performance.now() < end) {
      await run(next);
      done += size;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, loop));
  const seconds = (performance.now() - began) / 1_000;
  const used = process.cpuUsage(cpu);
  return { opsPerSecond: done / seconds, cpuMicros: (used.user + used.system) / done };
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;

/** The first of them is what the others are compared with, round by round. */
async function compare(title: string, these: readonly Contender[], run: (contender: Contender) => Promise<Slice>) {
  const slices = these.map((): Slice[] => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, contender] of these.entries()) slices[i]!.push(await run(contender));
  }
  console.log(`\n${title}`);
  for (const [i, { name }] of these.entries()) {
    const ratio = median(slices[i]!.map(({ opsPerSecond }, round) => opsPerSecond / slices[0]![round]!.opsPerSecond));
    const ops = median(slices[i]!.map(({ opsPerSecond }) => opsPerSecond));
    const cpu = median(slices[i]!.map(({ cpuMicros }) => cpuMicros));
    console.log(`  ${name.padEnd(40)} ${ops.toFixed(0).padStart(7)}/s  ${ratio.toFixed(2)}x  ${cpu.toFixed(1)} us CPU`);
  }
}

for (const contender of contenders) {
  await slice((next) => contender.set(next()), 100);
  await slice((next) => contender.get(next()), 100);
}
for (const operation of ['set', 'get'] as const) {
  for (const concurrency of CONCURRENCIES) {
    await compare(`${operation.toUpperCase()}, ${concurrency} at once`, contenders, (contender) =>
      slice((next) => contender[operation](next()), concurrency),
    );
  }
}
const piped100 = contenders.filter(({ pipeline }) => pipeline !== undefined);
for (const concurrency of [1, 10]) {
  await compare(`pipelines of 100 SET, ${concurrency} at once`, piped100, (contender) =>
    slice((next) => contender.pipeline!(Array.from({ length: 100 }, next)), concurrency, 100),
  );
}

const LOOKUPS = 1_000_000;
for (let i = 0; i < LOOKUPS; i++) sharded.shardFor(KEYS[i % KEYS.length]!);
const cpu = process.cpuUsage();
for (let i = 0; i < LOOKUPS; i++) sharded.shardFor(KEYS[i % KEYS.length]!);
console.log(`\nshard lookup, ketama: ${((process.cpuUsage(cpu).user * 1_000) / LOOKUPS).toFixed(0)} ns`);

for (const client of [plain, piped, ...byAddress.values()]) client.disconnect();
cluster.disconnect();
sharded.disconnect();
alone.disconnect();
await mesh.close();
await Promise.all([single, ...servers, nodes].map((each) => each[Symbol.asyncDispose]()));
