import type { PolicyName } from '../src/index.js';
import { exponential, type Fault, lognormal, poisson, servers, simulate } from '../src/testing/index.js';
import { type CommandInput, given, givenNumber, UsageError } from './command.js';
import { type Comparison, measuredOf } from './simulation.js';

const SCENARIOS: Readonly<Record<string, { readonly about: string; readonly faults?: readonly Fault[] }>> = {
  even: { about: 'servers alike' },
  uneven: { about: 'each server slower than the one before' },
  slow: { about: 'one ten times slower for a while', faults: [fault('slow', { factor: 10 })] },
  fail: { about: 'one fails fast for a while', faults: [fault('fail')] },
  stall: { about: 'one stands still for a while', faults: [fault('stall')] },
  kill: { about: 'one is killed for a while', faults: [fault('kill')] },
};

/** For the help. */
export const SCENARIO_NAMES: string = Object.entries(SCENARIOS)
  .map(([name, { about }]) => `${name} (${about})`)
  .join(', ');

/** Calls that a server works on at once. */
const CONCURRENCY = 16;
const MEAN_MS = 20;
/** Calls before are not counted: policies have seen nothing yet. */
const WARM_UP_MS = 5_000;

function fault(kind: Fault['kind'], more: object = {}): Fault {
  return { kind, server: 's0', fromMs: 10_000, untilMs: 25_000, ...more } as Fault;
}

export function scenarioName(input: CommandInput): string {
  const name = given(input, 'scenario') ?? 'slow';
  if (Object.hasOwn(SCENARIOS, name)) return name;
  throw new UsageError(`--scenario is '${name}': allowed is one of ${Object.keys(SCENARIOS).join(', ')}.`);
}

/** Servers that are made up, under each policy in turn. */
export function compareByScenario(name: string, policies: readonly PolicyName[], input: CommandInput): Comparison {
  const count = givenNumber(input, 'servers', 10, 2, 1_000);
  const durationMs = 1_000 * givenNumber(input, 'seconds', 40, 15, 3_600);
  const mean = (i: number): number => (name === 'uneven' ? 10 + (50 * i) / count : MEAN_MS);
  const capacity = Array.from({ length: count }, (_, i) => (1_000 * CONCURRENCY) / mean(i)).reduce((a, b) => a + b, 0);
  const rate = givenNumber(input, 'rate', Math.round(0.6 * Math.min(capacity, 4_000)), 1, 100_000);
  const seed = givenNumber(input, 'seed', 1, 0, 2 ** 31);
  const measured = policies.map((policy) => {
    const report = simulate({
      seed,
      durationMs,
      warmupMs: WARM_UP_MS,
      servers: servers(count, (i) => ({
        serviceTime: name === 'uneven' ? exponential(mean(i)) : lognormal(mean(i), 0.4),
        concurrency: CONCURRENCY,
      })),
      arrivals: poisson(rate),
      faults: SCENARIOS[name]!.faults ?? [],
      key: (random) => `user-${random.below(100_000)}`,
      service: { policy },
    });
    return measuredOf(policy, report, WARM_UP_MS, durationMs);
  });
  return { title: `${name}: ${SCENARIOS[name]!.about}`, fromMs: WARM_UP_MS, untilMs: durationMs, measured };
}
