/**
 * What the quarantine `generation` costs a command, whose key gets a namespace on its way: a client
 * with `onFailure: 'next'` beside one with `fail`, over the same three servers, 100 GET or SET at
 * once, in turns within one process. Ratios of client CPU per operation within each round, and
 * their median. `npm run bench:redis:generation`.
 */
import { createMesh, staticResolver } from 'fairlead';
import { ShardedRedis } from 'fairlead/redis';
import { startRedis } from '../integration/harness/index.js';

const ROUNDS = Number(process.env.ROUNDS ?? 15);
const SLICE_MS = Number(process.env.SLICE_MS ?? 300);
const CONCURRENCY = 100;
const VALUE = 'x'.repeat(64);
const KEYS = Array.from({ length: 10_000 }, (_, i) => `user:${i}:profile`);

const servers = await Promise.all([startRedis(), startRedis(), startRedis()]);
const endpoints = servers.map(({ host, port }, i) => ({ id: `s${i}`, host, port }));
const mesh = createMesh({ resolver: staticResolver({ cache: endpoints }) });
const fail = new ShardedRedis(mesh, { service: 'cache' });
const next = new ShardedRedis(mesh, { service: 'cache', onFailure: 'next' });

async function cpuPerOperation(run: (key: string) => Promise<unknown>): Promise<number> {
  let done = 0;
  const cpu = process.cpuUsage();
  const end = performance.now() + SLICE_MS;
  const loop = async (): Promise<void> => {
    while (performance.now() < end) await run(KEYS[done++ % KEYS.length]!);
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, loop));
  const used = process.cpuUsage(cpu);
  return (used.user + used.system) / done;
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;

for (const operation of ['set', 'get'] as const) {
  const run = (redis: ShardedRedis) =>
    cpuPerOperation((key) => (operation === 'set' ? redis.set(key, VALUE) : redis.get(key)));
  for (const redis of [fail, next]) await run(redis);
  const rounds: { fail: number; next: number }[] = [];
  for (let i = 0; i < ROUNDS; i++) rounds.push({ fail: await run(fail), next: await run(next) });
  const ratio = median(rounds.map((round) => round.next / round.fail));
  const [one, other] = [median(rounds.map((round) => round.fail)), median(rounds.map((round) => round.next))];
  console.log(
    `${operation.toUpperCase()}: fail ${one.toFixed(2)} us, next with generation ${other.toFixed(2)} us, ratio ${ratio.toFixed(2)}`,
  );
}

fail.disconnect();
next.disconnect();
await mesh.close();
await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
