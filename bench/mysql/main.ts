/**
 * What a query costs the client: CPU time beside mysql2's own pool and PoolCluster, over one server
 * and over three, and what it takes to tell where a statement belongs. Starts a primary with two
 * replicas; the client is a process of its own that runs the built package as users have it. `npm
 * run build && npm run bench:mysql`
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { SQL_USERS, startMysql } from '../../integration/harness/index.js';

await using topology = await startMysql();
const { status } = spawnSync(process.execPath, [fileURLToPath(new URL('client.mjs', import.meta.url))], {
  stdio: 'inherit',
  env: {
    ...process.env,
    FAIRLEAD_BENCH: JSON.stringify({
      ports: [topology.primary, ...topology.replicas].map(({ port }) => port),
      login: { ...SQL_USERS.app, database: topology.database },
    }),
  },
});
process.exitCode = status ?? 1;
