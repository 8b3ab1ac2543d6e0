/**
 * `peak_ewma` beside others and with other constants, in simulated time: what its documentation
 * says of its choices. `npx tsx --conditions=fairlead-source bench/chart/peak-ewma.ts`, about a
 * minute.
 */
import type { PolicySpec } from 'fairlead';
import { constant, exponential, lognormal, poisson, type SimulationReport, servers, simulate } from 'fairlead/testing';
import { finaglePeakEwma, goZeroP2c } from '../../test/support/peer-policies.js';
import { linkerd2016, sinkhole2016 } from '../../test/support/scenarios.js';

const policies: readonly (readonly [name: string, policy: PolicySpec])[] = [
  ['round_robin', 'round_robin'],
  ['least_request', 'least_request'],
  ['Finagle, as published', finaglePeakEwma],
  ['go-zero, as published', goZeroP2c],
  ['peak_ewma', 'peak_ewma'],
  ['  choices 3', { peak_ewma: { choices: 3 } }],
  ['  decayMs 5,000', { peak_ewma: { decayMs: 5_000 } }],
  ['  decayMs 30,000', { peak_ewma: { decayMs: 30_000 } }],
  ['  failurePenalty 0', { peak_ewma: { failurePenalty: 0 } }],
  ['  failurePenalty 5', { peak_ewma: { failurePenalty: 5 } }],
  ['  failurePenalty 50', { peak_ewma: { failurePenalty: 50 } }],
];

interface Column {
  readonly title: string;
  readonly seeds: number;
  run(policy: PolicySpec, seed: number): SimulationReport;
  read(report: SimulationReport): number;
}

const columns: readonly Column[] = [
  { title: 'slow', seeds: 10, run: (p, seed) => simulate(linkerd2016(p, seed)), read: (r) => r.slower(1_000) },
  {
    title: 'hangs',
    seeds: 3,
    run: (p, seed) =>
      simulate({
        ...linkerd2016(p, seed),
        timeoutMs: 5_000,
        faults: [{ kind: 'stall', server: 's0', fromMs: 15_000, untilMs: 45_000 }],
      }),
    read: (r) => r.slower(1_000),
  },
  { title: 'fails', seeds: 3, run: (p, seed) => simulate(sinkhole2016(p, seed)), read: (r) => r.failed },
  {
    title: 'fails 30%',
    seeds: 3,
    run: (p, seed) =>
      simulate({
        ...linkerd2016(p, seed),
        faults: [{ kind: 'fail', server: 's0', fromMs: 15_000, untilMs: 45_000, ratio: 0.3 }],
      }),
    read: (r) => r.failed,
  },
  {
    title: 'errors 1%',
    seeds: 3,
    run: (p, seed) => {
      const { servers: all } = linkerd2016(p, seed);
      const ids = all.map((server) => server.id!);
      return simulate({
        ...linkerd2016(p, seed),
        durationMs: 20_000,
        servers: all.map((server) => ({ ...server, concurrency: 20 })),
        faults: [{ kind: 'fail', server: ids, fromMs: 0, ratio: 0.01, after: constant(50) }],
      });
    },
    read: (r) => r.percentileMs(0.95),
  },
  {
    title: 'unequal p99',
    seeds: 3,
    run: (policy, seed) =>
      simulate({
        seed,
        durationMs: 60_000,
        servers: servers(10, (i) => ({ serviceTime: exponential(10 + 5 * i), concurrency: 4 })),
        arrivals: poisson(920),
        service: { policy, health: [] },
      }),
    read: (r) => r.percentileMs(0.99),
  },
  {
    title: 'noisy mean',
    seeds: 3,
    run: (policy, seed) =>
      simulate({
        seed,
        durationMs: 60_000,
        servers: servers(10, { serviceTime: lognormal(20, 1), concurrency: 8 }),
        arrivals: poisson(1_700),
        service: { policy, health: [] },
      }),
    read: (r) => r.meanMs,
  },
  {
    title: 'pauses p99',
    seeds: 3,
    run: (policy, seed) => {
      const all = servers(10, { serviceTime: lognormal(20, 0.3), concurrency: 16 });
      const pauses = all.flatMap(({ id }, i) =>
        Array.from({ length: 10 }, (_, k) => 6_000 * k + 557 * i).map((fromMs) => ({
          kind: 'stall' as const,
          server: id!,
          fromMs,
          untilMs: fromMs + 200,
        })),
      );
      return simulate({
        seed,
        durationMs: 60_000,
        servers: all,
        faults: pauses,
        arrivals: poisson(2_000),
        service: { policy, health: [] },
      });
    },
    read: (r) => r.percentileMs(0.99),
  },
];

const WIDTH = 13;
console.log(''.padEnd(24) + columns.map(({ title }) => title.padStart(WIDTH)).join(''));
for (const [name, policy] of policies) {
  const cells = columns.map(({ seeds, run, read }) => {
    let sum = 0;
    for (let seed = 1; seed <= seeds; seed++) sum += read(run(policy, seed));
    return (sum / seeds).toFixed(1).padStart(WIDTH);
  });
  console.log(name.padEnd(24) + cells.join(''));
}
console.log(`
slow        calls over 1 s, of 60,000: one of 11 servers answers in 2 s for 30 s (Linkerd 2016), 10 seeds
hangs       calls over 1 s: the same server does not answer at all for 30 s, callers give up after 5 s
fails       calls failed: it fails everything within 1 ms for 30 s; no health signal
fails 30%   calls failed: it fails three in ten
errors 1%   95th percentile, ms: every server fails one in a hundred; what the failure penalty costs where all are alike
unequal     99th percentile, ms: service times from 10 to 55 ms
noisy       mean, ms: servers alike, lognormal service times (sigma 1); what reacting to chance costs
pauses      99th percentile, ms: servers alike, each stands still for 200 ms every 6 s`);
