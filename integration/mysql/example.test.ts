import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { SQL_USERS, startMysql } from '../harness/index.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

it('examples/mysql.ts does what it says', async () => {
  await using topology = await startMysql();
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--import', 'tsx', '--conditions=fairlead-source', 'examples/mysql.ts'],
    {
      cwd: ROOT,
      timeout: 50_000,
      env: {
        ...process.env,
        MYSQL_SERVERS: topology.servers.map(({ host, port }) => `${host}:${port}`).join(','),
        MYSQL_USER: SQL_USERS.app.user,
        MYSQL_PASSWORD: SQL_USERS.app.password,
        MYSQL_DATABASE: topology.database,
      },
    },
  );
  expect(stdout).toMatch(/^SELECT \* FROM orders FOR UPDATE: primary, locks what it reads$/m);
  expect(stdout).toMatch(/^read back: rope$/m);
  expect(stdout).toMatch(/^the next process reads: chain$/m);
});
