// npm run quality [-- ROOM …]: what tests see of src/. First coverage (95 % of lines) by the unit
// tests and those of files, health checks, webhooks and DNS, then mutation by Stryker, room by
// room, of the rooms named or of all (80 % of mutants found). It takes hours for all, so it is not
// part of CI; .quality/ keeps what was found out, and a second run asks only what changed.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
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

/**
 * The tests that may find a mutant of a room: its own, and those of the rooms above it that play
 * whole scenes.
 */
function testsOf(room) {
  const own = `test/${room}/**/*.test.ts`;
  return [
    own,
    `test/${room}.test.ts`,
    'test/scenarios/**/*.test.ts',
    'test/service/**/*.test.ts',
    'test/call/**/*.test.ts',
  ];
}

function mutate(room) {
  mkdirSync(join(ROOT, '.quality'), { recursive: true });
  const config = join('.quality', `${room}.json`);
  writeFileSync(
    join(ROOT, config),
    JSON.stringify({
      mutate: [`src/${room}/**/*.ts`, '!src/**/*.d.ts'],
      testRunner: 'vitest',
      plugins: ['@stryker-mutator/vitest-runner'],
      vitest: { configFile: '.ci/quality.vitest.config.ts', related: true },
      coverageAnalysis: 'perTest',
      incremental: true,
      incrementalFile: `.quality/${room}.incremental.json`,
      reporters: ['clear-text', 'json'],
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
      timeoutMS: 20_000,
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
  process.env.QUALITY_TESTS = JSON.stringify(
    testsOf(room).filter((path) => path.includes('*') || existsSync(join(ROOT, path))),
  );
  if (!mutate(room)) failed.push(room);
}
console.log(failed.length === 0 ? 'quality: as promised' : `quality: below what is promised in ${failed.join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
