import { parseArgs } from 'node:util';
import { runDifferential } from './differential/run.js';
import type { CampaignPart, Schedule } from './part.js';
import { parts } from './parts/index.js';
import { describeSchedule, reportRound, Totals } from './report.js';
import { type RoundResult, runRound } from './round.js';
import { drawSchedule } from './schedule.js';
import { shrink } from './shrink.js';

const HELP = `npm run campaign -- [--seed N] [--minutes N] [--only PART] [--round-seconds N] [--keep-on] [--no-shrink]
npm run campaign -- --differential [--seed N] [--minutes N] [--only mysql|ioredis|grpc|connect]
npm run campaign -- --schedule '<JSON that a failed round printed>' [--times N]

  --seed           of the first round; the next ones count up. Default 1
  --minutes        how long to go on. Default 2
  --only           one part: ${parts.map(({ name }) => name).join(', ')}
  --round-seconds  how long the faults of a round go on. Default 20
  --keep-on        go on after a round that failed; the verdict comes at the end
  --until          go on until a promise is broken whose name this regular expression finds
  --shrink-runs    how many smaller schedules are tried after a failure. Default 12; 0: none
  --set            options of the clients instead of those that are drawn, as JSON: --set '{"client":"plain"}'
  --histories      a folder: the whole history of a round that failed is left there
  --times          how often a schedule is run again. Default 1
`;

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    minutes: { type: 'string', default: '2' },
    only: { type: 'string' },
    'round-seconds': { type: 'string', default: '20' },
    'keep-on': { type: 'boolean', default: false },
    until: { type: 'string' },
    'shrink-runs': { type: 'string', default: '12' },
    set: { type: 'string', default: '{}' },
    schedule: { type: 'string' },
    histories: { type: 'string' },
    times: { type: 'string', default: '1' },
    differential: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

function number(name: 'seed' | 'minutes' | 'round-seconds' | 'shrink-runs' | 'times'): number {
  const value = Number(values[name]);
  if (values[name] !== '' && Number.isFinite(value) && value >= 0) return value;
  console.error(`--${name} is '${values[name]}': allowed is a number of 0 or more`);
  process.exit(2);
}

function partNamed(name: string): CampaignPart {
  const part = parts.find((one) => one.name === name);
  if (part) return part;
  console.error(`there is no part '${name}': ${parts.map((one) => one.name).join(', ')}`);
  process.exit(2);
}

const totals = new Totals();

async function tell(part: CampaignPart, result: RoundResult): Promise<void> {
  const { schedule, violations, operations, faults } = result;
  totals.add(result);
  const failed = operations.filter(({ outcome }) => outcome !== 'ok').length;
  console.log(
    `${new Date().toISOString()} ${part.name} seed ${schedule.seed}: ${operations.length} operations, ${failed} not ok, ` +
      `${faults.length} faults, ${violations.length} violations; options ${JSON.stringify(schedule.options)}`,
  );
  if (violations.length === 0) return;
  console.log(reportRound(result));
  const maxRuns = number('shrink-runs');
  if (maxRuns === 0) return;
  const promises = new Set(violations.map(({ promise }) => promise));
  let last = result;
  const smallest = await shrink(
    schedule,
    async (smaller) => {
      const again = await runRound(part, smaller);
      const same = again.violations.some(({ promise }) => promises.has(promise));
      console.log(
        `shrinking: ${smaller.faults.length} faults, ${smaller.clients} x ${smaller.workers}: ${same ? 'fails' : 'passes'}`,
      );
      if (same) last = again;
      return same;
    },
    maxRuns,
  );
  console.log(smallest === schedule ? 'nothing smaller failed' : `shrunk:\n${reportRound(last)}`);
}

if (values.help) {
  console.log(HELP);
} else if (values.differential) {
  process.exit(runDifferential(number('seed'), number('minutes'), values.only));
} else if (values.schedule !== undefined) {
  const schedule = JSON.parse(values.schedule) as Schedule;
  const part = partNamed(schedule.part);
  for (let i = 0; i < number('times'); i++) {
    const result = await runRound(part, schedule, values.histories);
    totals.add(result);
    if (result.violations.length > 0) console.log(reportRound(result));
  }
} else {
  const chosen = values.only === undefined ? parts : [partNamed(values.only)];
  const until = Date.now() + number('minutes') * 60_000;
  for (let seed = number('seed'); seed === number('seed') || Date.now() < until; seed++) {
    const part = chosen[seed % chosen.length]!;
    const drawn = drawSchedule(part, seed, number('round-seconds') * 1_000);
    const schedule = { ...drawn, options: { ...drawn.options, ...(JSON.parse(values.set) as object) } };
    console.log(`begins: ${describeSchedule(schedule).split('\n').slice(0, 2).join('; ')}`);
    const result = await runRound(part, schedule, values.histories);
    await tell(part, result);
    if (values.until !== undefined) {
      const sought = new RegExp(values.until);
      if (!result.violations.some(({ promise }) => sought.test(promise))) continue;
      console.log('until: found');
      break;
    }
    if (totals.violations > 0 && !values['keep-on']) break;
  }
}
console.log(`\n${totals}\nverdict: ${totals.violations === 0 ? 'no promise was broken' : 'PROMISES WERE BROKEN'}`);
process.exit(totals.violations === 0 ? 0 : 1);
