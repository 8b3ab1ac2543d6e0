import type { RowDataPacket } from 'mysql2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Mariadb,
  type Mysql,
  type SqlServer,
  type SqlTopology,
  startMariadb,
  startMysql,
} from '../harness/index.js';
import { poolOver, type TestPool } from './support.js';

const SESSIONS = 16;
const READS_PER_WRITE = 4;
/** More by the environment: FAIRLEAD_READS=100000 takes a minute or two for each kind of server. */
const READS = Number(process.env.FAIRLEAD_READS ?? 3_840);
const ROUNDS = Math.ceil(READS / SESSIONS / READS_PER_WRITE);
const TIME_LIMIT_MS = 60_000 + READS * 5;

/**
 * Stops and resumes replication, and delays it, on one replica after the other until told to end.
 */
async function disturb(
  replicas: readonly SqlServer[],
  flavor: 'mysql' | 'mariadb',
  ended: () => boolean,
): Promise<void> {
  const word = flavor === 'mysql' ? 'REPLICA' : 'SLAVE';
  for (let turn = 0; !ended(); turn++) {
    const replica = replicas[turn % replicas.length]!;
    await replica.sql(`STOP ${word} SQL_THREAD`);
    await new Promise((resolve) => setTimeout(resolve, 300));
    await replica.sql(`START ${word} SQL_THREAD`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/**
 * One session: writes its own key, reads it back, and reads the others', whose values may only
 * grow.
 */
async function session(
  pool: TestPool,
  own: number,
  counts: { reads: number; stale: number; backwards: number },
): Promise<void> {
  const seen = new Map<number, number>();
  for (let round = 1; round <= ROUNDS; round++) {
    await pool.query('REPLACE INTO kv (k, v) VALUES (?, ?)', [own, round]);
    for (let read = 0; read < READS_PER_WRITE; read++) {
      const key = read === 0 ? own : (own + read * round) % SESSIONS;
      const [rows] = await pool.query<RowDataPacket[]>('SELECT v FROM kv WHERE k = ?', [key]);
      const value = (rows[0]?.v as number | undefined) ?? 0;
      counts.reads++;
      if (key === own && value < round) counts.stale++;
      if (value < (seen.get(key) ?? 0)) counts.backwards++;
      seen.set(key, value);
    }
  }
}

async function readYourWrites(topology: SqlTopology<SqlServer>, flavor: 'mysql' | 'mariadb'): Promise<void> {
  await using cluster = poolOver(topology, { consistency: 'session', connectionLimit: 20 });
  const { pool } = cluster;
  await pool.query('CREATE TABLE IF NOT EXISTS kv (k INT PRIMARY KEY, v INT)');
  await topology.replicas[0]!.waitFor(await topology.primary.position());
  await topology.replicas[1]!.waitFor(await topology.primary.position());
  let over = false;
  const disturbance = disturb(topology.replicas, flavor, () => over);
  const counts = { reads: 0, stale: 0, backwards: 0 };
  try {
    await Promise.all(Array.from({ length: SESSIONS }, (_, own) => pool.session(() => session(pool, own, counts))));
  } finally {
    over = true;
    await disturbance;
  }
  expect(counts).toEqual({ reads: SESSIONS * ROUNDS * READS_PER_WRITE, stale: 0, backwards: 0 });
}

describe('session consistency while replication stops and resumes', () => {
  let mysql: SqlTopology<Mysql>;
  let mariadb: SqlTopology<Mariadb>;
  beforeAll(async () => {
    [mysql, mariadb] = await Promise.all([startMysql(), startMariadb()]);
  });
  afterAll(async () => {
    await mysql?.[Symbol.asyncDispose]();
    await mariadb?.[Symbol.asyncDispose]();
  });

  it(
    'lets no session read anything older than it wrote or read before, on MySQL',
    () => readYourWrites(mysql, 'mysql'),
    TIME_LIMIT_MS,
  );
  it(
    'lets no session read anything older than it wrote or read before, on MariaDB',
    () => readYourWrites(mariadb, 'mariadb'),
    TIME_LIMIT_MS,
  );
});
