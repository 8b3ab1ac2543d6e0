import { writeFile } from 'node:fs/promises';
import { createMesh, type PolicyName } from '../src/index.js';
import { type Command, type CommandInput, Exit, given, type Io, isJson, UsageError } from './command.js';
import { ms, percent } from './figures.js';
import { compareByFlight, hasKeys, isOfFlight, readFlight } from './simulate-flight.js';
import { compareByScenario, SCENARIO_NAMES, scenarioName } from './simulate-scenario.js';
import type { Comparison, Measured } from './simulation.js';
import { pageOf, svgOf } from './simulation-chart.js';
import { styled, table } from './terminal.js';

const BAR = 30;

export const command: Command = {
  usage: '[--policy A,B] [--scenario NAME | --flight FILE | --admin URL --service NAME]',
  about: `Runs policies in simulated time, with the code that real calls run: against servers that are made up, or against what a service recorded. Scenarios: ${SCENARIO_NAMES}.`,
  options: {
    policy: { type: 'string', value: 'A,B', about: 'policies; all that need no more than there is by default' },
    scenario: { type: 'string', value: 'NAME', about: 'default slow' },
    flight: { type: 'string', value: 'FILE', about: 'what a flight recorder exported: the same calls once more' },
    admin: { type: 'string', value: 'URL', about: 'the page of a process, whose recorded flight is taken' },
    service: { type: 'string', value: 'NAME', about: 'the service of that process' },
    frozen: { type: 'boolean', about: 'the flight that was kept when an alert was last raised' },
    servers: { type: 'string', value: 'N', about: 'of a scenario; default 10' },
    rate: { type: 'string', value: 'N', about: 'calls per second; default 60 % of what the servers can do' },
    seconds: { type: 'string', value: 'N', about: 'simulated; default 40' },
    seed: { type: 'string', value: 'N', about: 'default 1' },
    svg: { type: 'string', value: 'FILE', about: 'draws it there' },
    html: { type: 'string', value: 'FILE', about: 'a page with the pictures and the table' },
  },
  examples: [
    'fairlead simulate --scenario slow',
    'fairlead simulate --policy round_robin,peak_ewma --svg slow.svg',
    'fairlead simulate --flight last-night.json --policy peak_ewma --html last-night.html',
    'fairlead simulate --admin http://127.0.0.1:9901 --service users --frozen --policy peak_ewma',
  ],
  async run(input, io) {
    const { name, comparison } = await compare(input, io);
    const [svg, html] = [given(input, 'svg'), given(input, 'html')];
    if (svg !== undefined) await writeFile(svg, svgOf(comparison));
    if (html !== undefined) await writeFile(html, pageOf(comparison));
    if (isJson(input)) {
      const { title, measured } = comparison;
      io.out(`${JSON.stringify({ ...name, title, policies: measured }, null, 2)}\n`);
      return Exit.ok;
    }
    show(comparison, io);
    for (const path of [svg, html]) if (path !== undefined) io.out(`written: ${path}\n`);
    return Exit.ok;
  },
};

interface Compared {
  readonly name: object;
  readonly comparison: Comparison;
}

/** Options of the one say nothing of the other: they are refused rather than overlooked. */
const OF_SCENARIOS = ['scenario', 'servers', 'rate', 'seconds'];

async function compare(input: CommandInput, io: Io): Promise<Compared> {
  if (!isOfFlight(input)) {
    const stray = ['service', 'frozen'].find((option) => input.values[option] !== undefined);
    if (stray !== undefined) throw new UsageError(`--${stray} is of a process: give its --admin.`);
    const scenario = scenarioName(input);
    const policies = policiesOf(input, KEYED);
    return { name: { scenario }, comparison: compareByScenario(scenario, policies, input) };
  }
  const stray = OF_SCENARIOS.find((option) => input.values[option] !== undefined);
  if (stray !== undefined) throw new UsageError(`--${stray} is of scenarios: the flight says it.`);
  const flight = await readFlight(input, io);
  const policies = policiesOf(input, hasKeys(flight) ? [] : KEYED);
  return { name: { service: flight.service }, comparison: compareByFlight(flight, policies, input) };
}

function show({ title, measured }: Comparison, io: Io): void {
  const finite = measured.flatMap(({ p99Ms, p99MsOverTime }) => [p99Ms, ...p99MsOverTime]).filter(Number.isFinite);
  const [least, worst] = [Math.min(...finite), Math.max(...finite)];
  const slowest = Math.max(...measured.map(({ p99Ms }) => (Number.isFinite(p99Ms) ? p99Ms : 0)));
  const bar = ({ p99Ms }: Measured): string =>
    '█'.repeat(Number.isFinite(p99Ms) ? Math.max(1, Math.round((BAR * Math.log1p(p99Ms)) / Math.log1p(slowest))) : BAR);
  const rows = measured.map((each) => [
    each.policy,
    ms(each.p50Ms),
    Number.isFinite(each.p99Ms) ? ms(each.p99Ms) : 'failed',
    percent(each.failedRatio),
    each.p99MsOverTime.map((value) => spark(value, least, worst)).join(''),
    bar(each),
  ]);
  const right = { align: 'right' } as const;
  const columns = [
    { title: 'policy' },
    { title: 'p50', ...right },
    { title: 'p99', ...right },
    { title: 'failed', ...right },
    { title: 'p99 over time', style: () => 'cyan' as const },
    { title: 'p99, logarithmic', style: () => 'blue' as const },
  ];
  io.out(`${styled(io, 'bold', title)}\n${table(io, columns, rows).join('\n')}\n`);
}

const SPARKS = '▁▂▃▄▅▆▇█';

/** The higher, the slower, by a logarithm; `×` where so many failed, `·` without calls. */
function spark(value: number, least: number, worst: number): string {
  if (Number.isNaN(value)) return '·';
  if (!Number.isFinite(value)) return '×';
  if (worst <= least) return SPARKS[0]!;
  const share = (Math.log1p(value) - Math.log1p(least)) / (Math.log1p(worst) - Math.log1p(least));
  return SPARKS[Math.round(share * (SPARKS.length - 1))]!;
}

/** Those that go by key. */
const KEYED: readonly string[] = ['consistent_hash', 'maglev', 'rendezvous', 'ip_hash'];
/** It goes by probes, which neither a scenario nor a flight has. */
const PROBED = 'prequal';

function policiesOf(input: CommandInput, needMore: readonly string[]): readonly PolicyName[] {
  const known = createMesh().policies.names;
  const asked = given(input, 'policy')?.split(',');
  const unknown = asked?.find((policy) => !(known as readonly string[]).includes(policy));
  if (unknown !== undefined) throw new UsageError(`--policy is '${unknown}': policies are ${known.join(', ')}.`);
  return (asked ?? known.filter((policy) => policy !== PROBED && !needMore.includes(policy))) as PolicyName[];
}
