import { writeFile } from 'node:fs/promises';
import { createMesh, type PolicyName } from '../src/index.js';
import { exponential, type Fault, lognormal, poisson, servers, simulate } from '../src/testing/index.js';
import { type Command, type CommandInput, Exit, given, givenNumber, isJson, UsageError } from './command.js';
import { ms, percent } from './figures.js';
import { type Measured, pageOf, svgOf } from './simulation-chart.js';
import { styled, table } from './terminal.js';

const SCENARIOS: Readonly<Record<string, { readonly about: string; readonly faults?: readonly Fault[] }>> = {
  even: { about: 'servers alike' },
  uneven: { about: 'each server slower than the one before' },
  slow: { about: 'one ten times slower for a while', faults: [fault('slow', { factor: 10 })] },
  fail: { about: 'one fails fast for a while', faults: [fault('fail')] },
  stall: { about: 'one stands still for a while', faults: [fault('stall')] },
  kill: { about: 'one is killed for a while', faults: [fault('kill')] },
};

/** Calls that a server works on at once. */
const CONCURRENCY = 16;
const MEAN_MS = 20;
const BAR = 30;

function fault(kind: Fault['kind'], more: object = {}): Fault {
  return { kind, server: 's0', fromMs: 10_000, untilMs: 25_000, ...more } as Fault;
}

export const command: Command = {
  usage: '[--policy A,B] [--scenario NAME]',
  about: `Runs policies against servers in simulated time, with the code that real calls run. Scenarios: ${Object.entries(
    SCENARIOS,
  )
    .map(([name, { about }]) => `${name} (${about})`)
    .join(', ')}.`,
  options: {
    policy: { type: 'string', value: 'A,B', about: 'policies; all that need no keys by default' },
    scenario: { type: 'string', value: 'NAME', about: 'default slow' },
    servers: { type: 'string', value: 'N', about: 'default 10' },
    rate: { type: 'string', value: 'N', about: 'calls per second; default 60 % of what the servers can do' },
    seconds: { type: 'string', value: 'N', about: 'simulated; default 40' },
    seed: { type: 'string', value: 'N', about: 'default 1' },
    svg: { type: 'string', value: 'FILE', about: 'draws it there' },
    html: { type: 'string', value: 'FILE', about: 'a page with the picture and the table' },
  },
  examples: ['fairlead simulate --scenario slow', 'fairlead simulate --policy round_robin,peak_ewma --svg slow.svg'],
  async run(input, io) {
    const name = given(input, 'scenario') ?? 'slow';
    if (!Object.hasOwn(SCENARIOS, name)) {
      throw new UsageError(`--scenario is '${name}': allowed is one of ${Object.keys(SCENARIOS).join(', ')}.`);
    }
    const measured = policiesOf(input).map((policy) => measure(policy, name, input));
    const title = `${name}: ${SCENARIOS[name]!.about}`;
    const [svg, html] = [given(input, 'svg'), given(input, 'html')];
    if (svg !== undefined) await writeFile(svg, svgOf(title, measured));
    if (html !== undefined) await writeFile(html, pageOf(title, measured));
    if (isJson(input)) {
      io.out(`${JSON.stringify({ scenario: name, policies: measured }, null, 2)}\n`);
      return Exit.ok;
    }
    const worst = Math.max(...measured.map(({ p99Ms }) => (Number.isFinite(p99Ms) ? p99Ms : 0)));
    const bar = ({ p99Ms }: Measured): string =>
      '█'.repeat(Number.isFinite(p99Ms) ? Math.max(1, Math.round((BAR * Math.log1p(p99Ms)) / Math.log1p(worst))) : BAR);
    const rows = measured.map((each) => [
      each.policy,
      ms(each.p50Ms),
      time(each.p99Ms),
      percent(each.failedRatio),
      bar(each),
    ]);
    const right = { align: 'right' } as const;
    const columns = [
      { title: 'policy' },
      { title: 'p50', ...right },
      { title: 'p99', ...right },
      { title: 'failed', ...right },
      { title: 'p99, logarithmic', style: () => 'blue' as const },
    ];
    io.out(`${styled(io, 'bold', title)}\n${table(io, columns, rows).join('\n')}\n`);
    for (const path of [svg, html]) if (path !== undefined) io.out(`written: ${path}\n`);
    return Exit.ok;
  },
};

function time(value: number): string {
  return Number.isFinite(value) ? ms(value) : 'failed';
}

/** Those that go by key, or by probes, need more than a scenario. */
const NEEDS_MORE = ['consistent_hash', 'maglev', 'rendezvous', 'ip_hash', 'prequal'];

function policiesOf(input: CommandInput): readonly PolicyName[] {
  const known = createMesh().policies.names;
  const asked = given(input, 'policy')?.split(',');
  const unknown = asked?.find((policy) => !(known as readonly string[]).includes(policy));
  if (unknown !== undefined) throw new UsageError(`--policy is '${unknown}': policies are ${known.join(', ')}.`);
  return (asked ?? known.filter((policy) => !NEEDS_MORE.includes(policy))) as PolicyName[];
}

function measure(policy: PolicyName, scenario: string, input: CommandInput): Measured {
  const count = givenNumber(input, 'servers', 10, 2, 1_000);
  const seconds = givenNumber(input, 'seconds', 40, 15, 3_600);
  const mean = (i: number): number => (scenario === 'uneven' ? 10 + (50 * i) / count : MEAN_MS);
  const capacity = Array.from({ length: count }, (_, i) => (1_000 * CONCURRENCY) / mean(i)).reduce((a, b) => a + b, 0);
  const report = simulate({
    seed: givenNumber(input, 'seed', 1, 0, 2 ** 31),
    durationMs: seconds * 1_000,
    warmupMs: 5_000,
    servers: servers(count, (i) => ({
      serviceTime: scenario === 'uneven' ? exponential(mean(i)) : lognormal(mean(i), 0.4),
      concurrency: CONCURRENCY,
    })),
    arrivals: poisson(givenNumber(input, 'rate', Math.round(0.6 * Math.min(capacity, 4_000)), 1, 100_000)),
    faults: SCENARIOS[scenario]!.faults ?? [],
    key: (random) => `user-${random.below(100_000)}`,
    service: { policy },
  });
  return {
    policy,
    p50Ms: report.percentileMs(0.5),
    p99Ms: report.percentileMs(0.99),
    failedRatio: report.failed / report.calls,
    calls: report.calls,
    ejections: report.ejections.length,
  };
}
