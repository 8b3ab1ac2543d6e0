import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Consumer, Program, pack } from '../first-hour/support.js';
import { type Mariadb, SQL_USERS, type SqlTopology, startMariadb } from '../harness/index.js';

const program = fileURLToPath(new URL('./driver-program.mjs', import.meta.url));
const packed = mkdtempSync(join(tmpdir(), 'fairlead-packed-'));
let tarball: string;
let topology: SqlTopology<Mariadb>;
beforeAll(async () => {
  [tarball, topology] = await Promise.all([pack(packed), startMariadb({ replicas: 0 })]);
}, 120_000);
afterAll(async () => {
  rmSync(packed, { recursive: true, force: true });
  await topology?.[Symbol.asyncDispose]();
});

it('sessions begin as new and leave nothing, with the oldest mysql2 that is allowed', {
  timeout: 180_000,
}, async () => {
  using consumer = new Consumer();
  await consumer.install([tarball, 'mysql2@3.11.0'], []);
  copyFileSync(program, join(consumer.folder, 'program.mjs'));
  const env = { ...process.env, DB_PORT: `${topology.primary.port}`, DB_NAME: 'test', DB_USER: SQL_USERS.app.user };
  await using run = new Program([join(consumer.folder, 'program.mjs')], { cwd: consumer.folder, env });
  expect(await run.ended, run.lines.join('\n')).toEqual([0, null]);
  expect(run.lines.map((line) => JSON.parse(line) as unknown)).toEqual([
    ['a variable goes with its session', [7, null]],
    ['resetOnRelease resets', 2],
    ['an open transaction is rolled back', 0],
    ['reset() leaves nothing', [8, null]],
    ['a change of the user is for one session', ['probe', 'app']],
    ['statements are prepared', [5, 6]],
    ['a transaction commits', 1],
    ['a stream gives its rows, and callbacks are called', [1, 2, 'released']],
    ['a statement is cancelled', 'ER_QUERY_INTERRUPTED'],
    ['nothing is held', [0, 0]],
    ['ended', true],
  ]);
});
