/** Nanoseconds and bytes per pick and done, for each policy and size. `npm run bench:pick` */
import { createMesh, Outcome, staticResolver } from 'fairlead';

const CALLS = 200_000;
const policies = process.argv[2]?.split(',') ?? createMesh().policies.names;
const sizes = [10, 100, 1_000, 10_000];

/** A clock that costs nothing: what is measured is the policy. */
let fakeMs = 1;
const clock = {
  now: () => fakeMs,
  wallMs: () => 0,
  after: () => ({ cancel() {} }),
  awaited: () => ({ cancel() {} }),
};

declare const gc: (() => void) | undefined;

for (const policy of policies) {
  const row = [policy.padEnd(22)];
  for (const size of sizes) {
    const endpoints = Array.from({ length: size }, (_, i) => ({
      id: `e${i}`,
      host: '127.0.0.1',
      port: 1 + (i % 65_000),
      weight: 1 + (i % 7),
    }));
    const mesh = createMesh({ resolver: staticResolver({ s: endpoints }), clock });
    const service = mesh.service('s', { policy });
    let ns = Number.POSITIVE_INFINITY;
    let bytes = Number.POSITIVE_INFINITY;
    for (let round = 0; round < 7; round++) {
      gc?.();
      const heap = process.memoryUsage().heapUsed;
      const cpu = process.cpuUsage();
      for (let i = 0; i < CALLS; i++) {
        fakeMs += 0.01;
        service.acquire().done(Outcome.Success);
      }
      const used = process.cpuUsage(cpu);
      const grown = process.memoryUsage().heapUsed - heap;
      ns = Math.min(ns, ((used.user + used.system) * 1_000) / CALLS);
      if (grown > 0) bytes = Math.min(bytes, grown / CALLS);
    }
    row.push(`${ns.toFixed(0)} ns ${bytes.toFixed(0)} B`.padEnd(16));
  }
  console.log(row.join(''));
}
