// node .ci/failed-tests.mjs REPORT: one line a failed test of vitest's JSON report, and the first
// lines of why.
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

const LINES = 6;

let report;
try {
  report = JSON.parse(readFileSync(process.argv[2], 'utf8'));
} catch {
  console.log('── tests: no report was written');
  process.exit();
}
for (const file of report.testResults) {
  const tests = file.assertionResults.filter((test) => test.status === 'failed');
  for (const test of tests) tell(`${relative('.', file.name)} > ${test.fullName}`, test.failureMessages.join('\n'));
  // A file that could not be loaded has no tests.
  if (file.status === 'failed' && tests.length === 0) tell(relative('.', file.name), file.message);
}

function tell(name, why) {
  console.log(`── FAILED ${name}`);
  for (const line of stripVTControlCharacters(why).split('\n').slice(0, LINES))
    console.log(`     ${line.slice(0, 300)}`);
}
