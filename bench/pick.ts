/**
 * Nanoseconds of CPU and bytes of heap per pick and done, for each policy at 10 to 10,000
 * endpoints, health included. `npm run bench:pick [policy,…]`. Each policy runs in a process of its
 * own, so that none is measured with code that another one's types have made slower. The clock is a
 * counter: what it costs to read a real one depends on the machine and is shown once.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { createMesh, type Lease, Outcome, type ProbeSource, staticResolver } from 'fairlead';

const SIZES = [10, 100, 1_000, 10_000];
const CALLS = 200_000;
/** Few enough that no collection comes in between. */
const CALLS_FOR_BYTES = 20_000;
const ROUNDS = 9;
/** Calls in flight at any time: ended in the order they began. */
const INFLIGHT = 64;
const KEYS = 8_192;

declare const gc: () => void;

interface Figures {
  readonly ns: number;
  readonly bytes: number;
}

/** The best round: the others were disturbed. */
function measure(turn: (index: number) => void): Figures {
  let ns = Number.POSITIVE_INFINITY;
  let bytes = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const cpu = process.cpuUsage();
    for (let i = 0; i < CALLS; i++) turn(i);
    const used = process.cpuUsage(cpu);
    ns = Math.min(ns, ((used.user + used.system) * 1_000) / CALLS);
    gc();
    const heap = process.memoryUsage().heapUsed;
    for (let i = 0; i < CALLS_FOR_BYTES; i++) turn(i);
    bytes = Math.min(bytes, (process.memoryUsage().heapUsed - heap) / CALLS_FOR_BYTES);
  }
  return { ns, bytes };
}

function run(policy: string, size: number): Figures {
  // In an array, or every step would allocate a number of its own.
  const time = new Float64Array(1);
  const never = { cancel() {} };
  const clock = { now: () => time[0]!, wallMs: () => 0, after: () => never, awaited: () => never };
  const endpoints = Array.from({ length: size }, (_, i) => ({
    id: `endpoint-${i}`,
    host: '127.0.0.1',
    port: 1 + (i % 65_000),
    weight: 1 + (i % 7),
  }));
  // Answers at once: what is measured is the policy, not the network.
  const probes: ProbeSource = { probe: (endpoint, reply) => reply(endpoint.inflight, 1) };
  const mesh = createMesh({ resolver: staticResolver({ s: endpoints }), clock });
  const service = mesh.service('s', { policy, probes });
  const requests = Array.from({ length: KEYS }, (_, i) => ({ key: `user:session:${100_000 + i}` }));
  const leases: Lease[] = Array.from({ length: INFLIGHT }, (_, i) => service.acquire(requests[i]));
  return measure((i) => {
    time[0] = time[0]! + 0.01;
    leases[i % INFLIGHT]!.done(Outcome.Success);
    leases[i % INFLIGHT] = service.acquire(requests[i % KEYS]);
  });
}

function show({ ns, bytes }: Figures): string {
  return `${ns.toFixed(0)} ns ${bytes.toFixed(0)} B`.padEnd(16);
}

const [mode, names] = process.argv.slice(2);
if (mode === '--one') {
  console.log(names!.padEnd(28) + SIZES.map((size) => show(run(names!, size))).join(''));
} else {
  const policies = mode?.split(',') ?? createMesh().policies.names;
  console.log('policy'.padEnd(28) + SIZES.map((size) => `${size} endpoints`.padEnd(16)).join(''));
  for (const policy of policies) {
    const args = [...process.execArgv, fileURLToPath(import.meta.url), '--one', policy];
    const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    process.stdout.write(status === 0 ? stdout : `${policy}: ${stderr}`);
  }
  const now = measure(() => void performance.now());
  console.log(`reading the clock            ${show(now)}`);
}
