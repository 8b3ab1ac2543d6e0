/**
 * GET and SET through ShardedRedis over three servers, beside what it is chosen instead of: one plain ioredis on one server (also with
 * autopipelining), ioredis.Cluster on three nodes, and the `hashring` package with three clients. `npm run bench:redis`.
 *
 * All share this process and take turns in short slices, so that what else the machine does hits all alike. Throughput is the median over the
 * rounds; CPU is that of this process, per operation. Values have 64 bytes.
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
}

interface Slice {
  readonly opsPerSecond: number;
  readonly cpuMicros: number;
}

const single = await startRedis();
const servers = await Promise.all([startRedis(), startRedis(), startRedis()]);
const nodes = await startRedisCluster();

const endpoints = servers.map(({ host, port }, i) => ({ id: `s${i}`, host, port }));
const mesh = createMesh({ resolver: staticResolver({ cache: endpoints }) });
const sharded = new ShardedRedis(mesh, { service: 'cache' });
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
const contenders: Contender[] = [
  of('ioredis, 1 server', plain),
  of('ioredis with autopipelining, 1 server', piped),
  of('ioredis.Cluster, 3 nodes', cluster),
  {
    name: 'hashring and 3 ioredis',
    get: (key) => byAddress.get(ring.get(key))!.get(key),
    set: (key) => byAddress.get(ring.get(key))!.set(key, VALUE),
  },
  of('ShardedRedis, 3 servers', sharded),
];

/** Runs `concurrency` loops for a slice of time. */
async function slice(run: (key: string) => Promise<unknown>, concurrency: number): Promise<Slice> {
  let done = 0;
  let next = 0;
  const cpu = process.cpuUsage();
  const began = performance.now();
  const end = began + SLICE_MS;
  const loop = async (): Promise<void> => {
    while (performance.now() < end) {
      next = next + 1 === KEYS.length ? 0 : next + 1;
      await run(KEYS[next]!);
      done++;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, loop));
  const seconds = (performance.now() - began) / 1_000;
  const used = process.cpuUsage(cpu);
  return { opsPerSecond: done / seconds, cpuMicros: (used.user + used.system) / done };
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;

for (const contender of contenders) {
  await slice(contender.set, 100);
  await slice(contender.get, 100);
}
for (const operation of ['set', 'get'] as const) {
  for (const concurrency of CONCURRENCIES) {
    const slices = contenders.map((): Slice[] => []);
    for (let round = 0; round < ROUNDS; round++) {
      for (const [i, contender] of contenders.entries())
        slices[i]!.push(await slice(contender[operation], concurrency));
    }
    console.log(`\n${operation.toUpperCase()}, ${concurrency} at once`);
    for (const [i, { name }] of contenders.entries()) {
      // Of each round, against the plain client in the same round.
      const ratio = median(slices[i]!.map(({ opsPerSecond }, round) => opsPerSecond / slices[0]![round]!.opsPerSecond));
      const ops = median(slices[i]!.map(({ opsPerSecond }) => opsPerSecond));
      const cpu = median(slices[i]!.map(({ cpuMicros }) => cpuMicros));
      console.log(
        `  ${name.padEnd(40)} ${ops.toFixed(0).padStart(7)}/s  ${ratio.toFixed(2)}x  ${cpu.toFixed(1)} us CPU`,
      );
    }
  }
}

const LOOKUPS = 1_000_000;
for (let i = 0; i < LOOKUPS; i++) sharded.shardFor(KEYS[i % KEYS.length]!);
const cpu = process.cpuUsage();
for (let i = 0; i < LOOKUPS; i++) sharded.shardFor(KEYS[i % KEYS.length]!);
console.log(`\nshard lookup, ketama: ${((process.cpuUsage(cpu).user * 1_000) / LOOKUPS).toFixed(0)} ns`);

for (const client of [plain, piped, ...byAddress.values()]) client.disconnect();
cluster.disconnect();
sharded.disconnect();
await mesh.close();
await Promise.all([single, ...servers, nodes].map((each) => each[Symbol.asyncDispose]()));
