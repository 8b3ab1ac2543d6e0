/**
 * Every bench, one way: contenders in processes of their own, in turn within each round, ratios
 * within a round, a control (the baseline against itself) beside every ratio, a bootstrap interval,
 * and what this package's own frames take of it by a profile.
 *
 *     npm run bench -- grpc --rounds 60 --json
 *     npm run bench -- --list
 */
import { parseArgs } from 'node:util';
import { seededRandom } from 'fairlead/testing';
import { build, suiteNames } from './build.js';
import { measure, type Table } from './measure.js';
import { show } from './show.js';
import type { Suite } from './suite.js';

const HELP = `npm run bench -- <suite> [--rounds N] [--case TEXT] [--operations N] [--seed N] [--json]
npm run bench -- --list

  --rounds      turns of every contender; default: the suite's own
  --case        only cases whose title contains TEXT
  --operations  operations of one turn; default: the case's own
  --seed        of the order of turns and the intervals; default 1
  --json        one line of JSON for each case
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string' },
    case: { type: 'string' },
    operations: { type: 'string' },
    seed: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

function whole(name: string, text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  console.error(`--${name} is '${text}': allowed is a whole number of 1 or more`);
  process.exit(2);
}

const load = async (name: string): Promise<Suite<unknown>> =>
  ((await import(`../suites/${name}.js`)) as { suite: Suite<unknown> }).suite;

const [name] = positionals;
if (values.list) {
  for (const each of suiteNames()) console.log(`${each.padEnd(20)}${(await load(each)).about}`);
} else if (values.help || name === undefined || !suiteNames().includes(name)) {
  if (name !== undefined) console.error(`there is no suite '${name}': ${suiteNames().join(', ')}\n`);
  console.log(HELP);
  process.exitCode = values.help ? 0 : 2;
} else {
  const suite = await load(name);
  const rounds = values.rounds === undefined ? suite.rounds : whole('rounds', values.rounds);
  const random = seededRandom(whole('seed', values.seed));
  const built = build(name);
  const servers = await suite.start?.();
  try {
    for (const [caseIndex, each] of suite.cases.entries()) {
      if (values.case !== undefined && !each.title.includes(values.case)) continue;
      const chosen =
        values.operations === undefined ? each : { ...each, operations: whole('operations', values.operations) };
      const at = Math.min(rounds, each.rounds ?? rounds);
      const table: Table = await measure(chosen, servers?.world, at, { ...built, caseIndex }, random);
      console.log(values.json ? JSON.stringify({ suite: name, node: process.version, ...table }) : show(table));
    }
  } finally {
    await servers?.stop();
  }
  process.exit();
}
