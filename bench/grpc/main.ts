/**
 * Unary calls with empty messages over three servers in processes of their own: fairlead's policies
 * beside what grpc-js has built in. Every round runs every contender once, in random order; ratios
 * are taken within a round, so that a busy machine slows both sides of it. CPU is the client
 * process's own.
 *
 *     npm run bench:grpc [rounds] [calls]
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { createMesh, staticResolver } from 'fairlead';
import { registerGrpc, setRoutingKey } from 'fairlead/grpc';

const ROUNDS = Number(process.argv[2] ?? 20);
const CALLS = Number(process.argv[3] ?? 4_000);
const CONCURRENCY = 64;
const SESSIONS = 1_000;

const children = Array.from({ length: 3 }, () =>
  fork(fileURLToPath(new URL('./server.mjs', import.meta.url)), { stdio: 'inherit' }),
);
const ports = await Promise.all(
  children.map(async (child) => ((await once(child, 'message')) as [{ port: number }])[0].port),
);

const endpoints = ports.map((port) => `127.0.0.1:${port}`);
const mesh = createMesh({
  resolver: staticResolver({ plain: endpoints, sticky: endpoints }),
  services: { sticky: { affinity: true } },
});
registerGrpc(mesh);

const list = `ipv4:${endpoints.join(',')}`;
const builtIn = (policy: string): Record<string, string> => ({
  'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ [policy]: {} }] }),
});
const noKey = (): Metadata => new Metadata();
const withKey = (call: number): Metadata => setRoutingKey(new Metadata(), `user-${call % SESSIONS}`);

const contenders = [
  contender('grpc-js pick_first', list, builtIn('pick_first'), noKey),
  contender('grpc-js round_robin', list, builtIn('round_robin'), noKey),
  contender('fairlead round_robin', 'fairlead:///plain?policy=round_robin', {}, noKey),
  contender('fairlead least_request', 'fairlead:///plain?policy=least_request', {}, noKey),
  contender('fairlead peak_ewma', 'fairlead:///plain?policy=peak_ewma', {}, noKey),
  contender('fairlead peak_ewma, sticky', 'fairlead:///sticky?policy=peak_ewma', {}, withKey),
];
const BASE = 1;

interface Slice {
  readonly callsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuUs: number;
}

interface Contender {
  readonly name: string;
  readonly client: Client;
  readonly metadata: (call: number) => Metadata;
  readonly slices: Slice[];
}

function contender(name: string, target: string, options: object, metadata: Contender['metadata']): Contender {
  const client = new Client(target, credentials.createInsecure(), { 'grpc.enable_channelz': 0, ...options });
  return { name, client, metadata, slices: [] };
}

const EMPTY = Buffer.alloc(0);
const same = (bytes: Buffer): Buffer => bytes;

function run({ client, metadata }: Contender, calls: number): Promise<Slice> {
  const times = new Float64Array(calls);
  const startMs = performance.now();
  const cpu = process.cpuUsage();
  return new Promise((resolve, reject) => {
    let started = 0;
    let ended = 0;
    const next = (): void => {
      const call = started++;
      const begunMs = performance.now();
      client.makeUnaryRequest('/bench.Bench/Call', same, same, EMPTY, metadata(call), (error) => {
        if (error) reject(error);
        times[call] = performance.now() - begunMs;
        if (++ended === calls) resolve(slice());
        else if (started < calls) next();
      });
    };
    const slice = (): Slice => {
      const { user, system } = process.cpuUsage(cpu);
      times.sort();
      return {
        callsPerSecond: (calls / (performance.now() - startMs)) * 1_000,
        p50Ms: times[Math.floor(calls * 0.5)]!,
        p99Ms: times[Math.floor(calls * 0.99)]!,
        cpuUs: (user + system) / calls,
      };
    };
    for (let i = 0; i < CONCURRENCY; i++) next();
  });
}

function shuffled<T>(items: readonly T[]): T[] {
  const copy = [...items];
  for (let i = copy.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [copy[i], copy[j]] = [copy[j]!, copy[i]!];
  }
  return copy;
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

for (const each of contenders) await run(each, CALLS);
for (let round = 0; round < ROUNDS; round++) {
  for (const each of shuffled(contenders)) each.slices.push(await run(each, CALLS));
}

console.log(`${ROUNDS} rounds of ${CALLS} calls, ${CONCURRENCY} at a time, ${ports.length} servers; medians`);
console.log(
  `${'contender'.padEnd(28)}   calls/s   p50 ms   p99 ms   CPU µs/call   CPU ratio to round_robin (middle half)`,
);
for (const { name, slices } of contenders) {
  const of = (key: keyof Slice): number => median(slices.map((slice) => slice[key]));
  const ratios = slices.map((slice, i) => slice.cpuUs / contenders[BASE]!.slices[i]!.cpuUs).sort((a, b) => a - b);
  const at = (share: number): string => ratios[Math.floor((ratios.length - 1) * share)]!.toFixed(3);
  console.log(
    `${name.padEnd(28)}${of('callsPerSecond').toFixed(0).padStart(10)}${of('p50Ms').toFixed(1).padStart(9)}` +
      `${of('p99Ms').toFixed(1).padStart(9)}${of('cpuUs').toFixed(0).padStart(14)}   ${at(0.5)} (${at(0.25)} to ${at(0.75)})`,
  );
}

for (const { client } of contenders) client.close();
await mesh.close();
for (const child of children) child.disconnect();
