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
import { suiteNames } from './build.js';
import { readKept } from './kept.js';
import { machine, markdown } from './markdown.js';
import type { Table } from './measure.js';
import { loadSuite, runSuite } from './run.js';
import { show } from './show.js';

const HELP = `npm run bench -- <suite> [<suite> …] [--rounds N] [--seconds N] [--case TEXT] [--operations N] [--seed N] [--json | --markdown]
npm run bench -- all [--seconds N] [--markdown]
npm run bench -- --from FILE [--markdown]
npm run bench -- --list

  all           every suite, in one run
  --rounds      turns of every contender; default: the suite's own
  --seconds     no round of a case begins after so many seconds, once there are six; default: none
  --case        only cases whose title contains TEXT
  --operations  operations of one turn; default: the case's own
  --seed        of the order of turns and the intervals; default 1
  --json        one line of JSON for each case
  --from        shows what an earlier run wrote with --json
  --markdown    a page of tables
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    case: { type: 'string' },
    operations: { type: 'string' },
    seed: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
    markdown: { type: 'boolean', default: false },
    from: { type: 'string' },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

function whole(name: string, text: string): number;
function whole(name: string, text: string | undefined): number | undefined;
function whole(name: string, text: string | undefined): number | undefined {
  if (text === undefined || /^[1-9]\d*$/.test(text)) return text === undefined ? undefined : Number(text);
  console.error(`--${name} is '${text}': allowed is a whole number of 1 or more`);
  process.exit(2);
}

const print = (suite: string, table: Table): void => {
  if (values.json) console.log(JSON.stringify({ suite, node: process.version, ...table }));
  else console.log(values.markdown ? markdown(suite, table) : show(table));
};

/** Tables of a run that was kept, each suite under a title of its own. */
async function showKept(file: string): Promise<void> {
  if (values.markdown) console.log(machine());
  let last: string | undefined;
  for (const { suite, table } of readKept(file)) {
    if (values.markdown && suite !== last) console.log(`## ${suite}: ${(await loadSuite(suite)).about}\n`);
    last = suite;
    print(suite, table);
  }
}

const names = positionals.includes('all') ? suiteNames() : positionals;
const unknown = names.find((name) => !suiteNames().includes(name));
if (values.list) {
  for (const each of suiteNames()) console.log(`${each.padEnd(20)}${(await loadSuite(each)).about}`);
} else if (values.from !== undefined) {
  await showKept(values.from);
} else if (values.help || names.length === 0 || unknown !== undefined) {
  if (unknown !== undefined) console.error(`there is no suite '${unknown}': ${suiteNames().join(', ')}\n`);
  console.log(HELP);
  process.exitCode = values.help ? 0 : 2;
} else {
  const random = seededRandom(whole('seed', values.seed));
  const chosen = {
    rounds: whole('rounds', values.rounds),
    seconds: whole('seconds', values.seconds),
    title: values.case,
    operations: whole('operations', values.operations),
  };
  if (values.markdown) console.log(machine());
  for (const name of names) {
    if (values.markdown) console.log(`## ${name}: ${(await loadSuite(name)).about}\n`);
    try {
      for await (const table of runSuite(name, chosen, random)) print(name, table);
    } catch (error) {
      // One suite that fails must not take what the others found.
      console.error(error);
      process.exitCode = 1;
    }
  }
  process.exit();
}
