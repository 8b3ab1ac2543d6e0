// npm run quality [-- ROOM …]: what tests see of src/. First coverage (95 % of lines) by the unit
// tests and those of files, health checks, webhooks and DNS, then mutation by Stryker, room by
// room, of the rooms named or of all (80 % of mutants found). It takes hours for all, so it is not
// part of CI; .quality/ keeps what was found out, and a second run asks only what changed. A mutant
// is asked by the tests of its room and of rooms near it, for 0.6 s of CPU (QUALITY_BUDGET_MS):
// what only a longer look would find counts as not found. QUALITY_MUTATE=src/picking/view.ts
// narrows a room, QUALITY_SAMPLE=4 to one function in four; QUALITY_NEAR=none asks the tests of
// the room alone, QUALITY_NEAR=health those of health as well. On a machine that is busy with other
// things QUALITY_PATIENCE=10 waits ten times as long before what is slow counts as an endless loop.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const FOUND_BY = 80;
const rooms = readdirSync(join(ROOT, 'src'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

const asked = process.argv.slice(2);
for (const room of asked)
  if (!rooms.includes(room)) {
    console.error(`src/ has no room ${room}; it has ${rooms.join(', ')}`);
    process.exit(2);
  }

const run = (program, ...args) => spawnSync(program, args, { cwd: ROOT, stdio: 'inherit', shell: false }).status === 0;

/** Whose tests ask a room too, beside its own, those of calls, of services and of the mesh. */
const NEAR = {
  balancing: ['picking', 'affinity/sessions'],
  call: ['resilience', 'routing/shadow', 'routing/lanes'],
  config: ['monitor/configured'],
  discovery: ['config/resolvers', 'hostile'],
  endpoint: ['discovery/context', 'balancing/prequal', 'health', 'picking', 'resilience/endpoint'],
  hashing: ['balancing/hashing', 'balancing/key', 'affinity/made-up'],
  health: ['endpoint', 'resilience/endpoint', 'security/ejection'],
  monitor: ['config/store', 'telemetry', 'adapters/admin'],
  picking: [
    'affinity/s',
    'balancing/l',
    'balancing/p',
    'endpoint',
    'health/none',
    'resilience/endpoint',
    'routing/lanes',
    'telemetry/flight-recorder',
  ],
  resilience: ['security/attempts'],
  routing: ['config/routing'],
  runtime: ['resilience', 'health', 'config', 'security'],
  telemetry: ['monitor', 'adapters/otel'],
  testing: ['discovery/resolver-checks', 'scenarios/sinkhole', 'telemetry/flight-recorder'],
};
/**
 * What counts bytes, closures or imports counts mutants too; one needs Vitest's mocks, and one takes
 * seconds for a million keys.
 */
const COUNTING = /cost\.test|oddities|call-record|load-yaml|million/;
/** Seconds of statistics each, asked only about their own room. */
const SLOW =
  /balancing\/(hashing|conformance|weights|key|adaptive)|security\/(tables|text)|scenarios|aperture|active-check|mesh-figures|split|canary|made-up|ip-address|schema|absence|replace-file/;

/** The files of tests that may find a mutant of a room. */
function testsOf(room) {
  const near = process.env.QUALITY_NEAR?.split(',') ?? ['service', 'call', 'mesh', ...(NEAR[room] ?? [])];
  const asked = [room, ...near].map((name) => `test/${name}`);
  return readdirSync(join(ROOT, 'test'), { recursive: true })
    .map((name) => `test/${name}`)
    .filter((name) => name.endsWith('.test.ts') && !COUNTING.test(name) && asked.some((path) => name.startsWith(path)))
    .filter((name) => !SLOW.test(name) || name.startsWith(`test/${room}`) || room === 'hashing')
    .sort();
}

const QUICK = {
  testRunner: 'in-process',
  plugins: ['./.ci/quality/in-process.mjs', './.ci/quality/sample.mjs'],
  testRunnerNodeArgs: ['--import', 'tsx', '--conditions=fairlead-source', '--expose-gc', '--no-warnings'],
  // What mutants leave in a process goes with it.
  maxTestRunnerReuse: 300,
};
/** A worker of Vitest for each mutant: slow, and sure that no mutant sees what another left. */
const ISOLATED = {
  testRunner: 'vitest',
  plugins: ['@stryker-mutator/vitest-runner', './.ci/quality/sample.mjs'],
  vitest: { configFile: '.ci/quality.vitest.config.ts', related: false },
};

function mutate(room) {
  mkdirSync(join(ROOT, '.quality'), { recursive: true });
  const config = join('.quality', `${room}.json`);
  writeFileSync(
    join(ROOT, config),
    JSON.stringify({
      mutate: process.env.QUALITY_MUTATE?.split(',') ?? [`src/${room}/**/*.ts`, '!src/**/*.d.ts'],
      ...(process.env.QUALITY_RUNNER === 'vitest' ? ISOLATED : QUICK),
      coverageAnalysis: 'perTest',
      ignorers: ['sample'],
      incremental: true,
      incrementalFile: `.quality/${room}.incremental.json`,
      reporters: ['clear-text', 'json', 'progress-append-only'],
      clearTextReporter: { allowColor: false, reportTests: false, logTests: false },
      jsonReporter: { fileName: `.quality/${room}.report.json` },
      thresholds: { high: 90, low: FOUND_BY, break: FOUND_BY },
      tempDirName: '.quality/tmp',
      concurrency: Number(process.env.QUALITY_CONCURRENCY ?? 2),
      ignorePatterns: ['.services', 'dist', 'docs', 'integration', 'bench', 'examples', 'ops'],
      ignoreStatic: true,
      // Its own rewriting of a tsconfig needs the JavaScript API of TypeScript, which 7 has not;
      // nothing here needs to be rewritten.
      tsconfigFile: '.quality/none.json',
      allowEmpty: true,
      // Only a loop that neither ends nor counts takes so long.
      timeoutMS: 20_000 * Number(process.env.QUALITY_PATIENCE ?? 1),
      timeoutFactor: 0.01,
      dryRunTimeoutMinutes: 30,
    }),
  );
  return run('npx', '--no-install', 'stryker', 'run', config);
}

const failed = [];
if (asked.length === 0) {
  const config = ['--config', '.ci/quality.vitest.config.ts'];
  if (!run('npx', '--no-install', 'vitest', 'run', ...config, '--coverage')) failed.push('coverage');
}
for (const room of asked.length === 0 ? rooms : asked) {
  process.env.QUALITY_ROOM = room;
  process.env.QUALITY_TESTS = JSON.stringify(testsOf(room));
  process.env.QUALITY_COSTS = join(ROOT, '.quality', 'costs.json');
  if (!mutate(room)) failed.push(room);
}
console.log(failed.length === 0 ? 'quality: as promised' : `quality: below what is promised in ${failed.join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
