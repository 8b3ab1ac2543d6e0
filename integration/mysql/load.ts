import type { ResultSetHeader, RowDataPacket } from 'mysql2';
import { expect } from 'vitest';
import { type SqlServer, type SqlTopology, until } from '../harness/index.js';
import type { TestCluster } from './support.js';

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** What a client saw while something happened to its servers. */
export interface Tally {
  reads: number;
  readonly failedReads: unknown[];
  /** Session reads that did not show the reader's own last write. */
  stale: number;
  readonly acknowledged: string[];
  readonly failedWrites: unknown[];
  /** Names of those that failed without the word that they may have been executed. */
  readonly refusedWrites: string[];
  /** The longest that one read, one write took, waits and repeats included; milliseconds. */
  slowestReadMs: number;
  slowestWriteMs: number;
  /** When each read that is under way began, by performance.now(). */
  readonly underWay: Set<number>;
}

/** Until no read waits any more that was under way when something happened, or began soon after. */
export async function untilReadsGoOn({ underWay }: Tally): Promise<void> {
  const at = performance.now();
  await until('reads to go on', () => [...underWay].every((began) => began > at));
}

const READERS = 6;
const WRITERS = 2;
/** Between two writes of one writer. */
const WRITE_PAUSE_MS = 2;

/** 6 readers, and 2 writers who read each of their writes back, until told to end. */
async function load(cluster: TestCluster, tally: Tally, ended: () => boolean): Promise<void> {
  const { pool } = cluster;
  const timed = async <T>(act: () => Promise<T>, of: 'slowestReadMs' | 'slowestWriteMs'): Promise<T> => {
    const began = performance.now();
    if (of === 'slowestReadMs') tally.underWay.add(began);
    try {
      return await act();
    } finally {
      tally.underWay.delete(began);
      tally[of] = Math.max(tally[of], performance.now() - began);
    }
  };
  const read = async (): Promise<void> => {
    while (!ended()) {
      await timed(() => pool.query({ sql: 'SELECT COUNT(*) FROM t', consistency: 'eventual' }), 'slowestReadMs')
        .then(() => tally.reads++)
        .catch((error: unknown) => tally.failedReads.push(error));
    }
  };
  const readBack = async (name: string): Promise<void> => {
    try {
      const [rows] = await pool.query<RowDataPacket[]>('SELECT COUNT(*) AS n FROM t WHERE v = ?', [name]);
      tally.reads++;
      if (rows[0]?.n !== 1) tally.stale++;
    } catch (error) {
      tally.failedReads.push(error);
    }
  };
  const write = async (writer: number): Promise<void> => {
    for (let n = 0; !ended(); n++) {
      const name = `w${writer}-${n}`;
      await pool.session(async () => {
        try {
          await timed(() => pool.query<ResultSetHeader>('INSERT INTO t (v) VALUES (?)', [name]), 'slowestWriteMs');
        } catch (error) {
          tally.failedWrites.push(error);
          if ((error as { ambiguous?: unknown }).ambiguous !== true) tally.refusedWrites.push(name);
          return;
        }
        tally.acknowledged.push(name);
        if (n % 4 === 0) await readBack(name);
      });
      await pause(WRITE_PAUSE_MS);
    }
  };
  await Promise.all([
    ...Array.from({ length: READERS }, read),
    ...Array.from({ length: WRITERS }, (_, writer) => write(writer)),
  ]);
}

/** The ids of the rows of each name on a server. */
async function rowsOf(server: SqlServer, database: string): Promise<Map<string, Set<number>>> {
  const rows = await server.sql<{ v: string; id: number }>(`SELECT v, id FROM ${database}.t`);
  const found = new Map<string, Set<number>>();
  for (const { v, id } of rows) found.set(v, (found.get(v) ?? new Set()).add(id));
  return found;
}

/**
 * Runs the load through the fault. Every acknowledged write is there, on the primary that is or,
 * where its server did not replicate it in time, on the one that was (`also`); none is there twice;
 * none that failed without `ambiguous` is there; no read failed or saw the past; and nothing is
 * held of what the fault interrupted.
 */
export async function through(
  what: string,
  topology: SqlTopology<SqlServer>,
  cluster: TestCluster,
  fault: (tally: Tally) => Promise<void>,
  also: readonly SqlServer[] = [],
): Promise<Tally> {
  let over = false;
  const tally: Tally = {
    reads: 0,
    failedReads: [],
    stale: 0,
    acknowledged: [],
    failedWrites: [],
    refusedWrites: [],
    slowestReadMs: 0,
    slowestWriteMs: 0,
    underWay: new Set(),
  };
  const loading = load(cluster, tally, () => over);
  await pause(300);
  await fault(tally).finally(() => {
    over = true;
  });
  await loading;
  for (const server of also) if (!server.running) await server.restart();
  const found = await rowsOf(topology.primary, topology.database);
  for (const server of also) {
    for (const [name, ids] of await rowsOf(server, topology.database)) {
      found.set(name, new Set([...(found.get(name) ?? []), ...ids]));
    }
  }
  const lost = tally.acknowledged.filter((name) => !found.has(name));
  const doubled = [...found].filter(([, ids]) => ids.size > 1).map(([name]) => name);
  // A write fails by saying that it may have been executed, or it was not.
  const denied = tally.refusedWrites.filter((name) => found.has(name));
  const { failedReads, stale } = tally;
  expect({ lost, doubled, denied, failedReads, stale }).toEqual({
    lost: [],
    doubled: [],
    denied: [],
    failedReads: [],
    stale: 0,
  });
  await pause(100);
  const stats = Object.values(cluster.pool.stats());
  expect(stats.map(({ busy, waiting }) => busy + waiting)).toEqual(stats.map(() => 0));
  console.log(
    `${what}: ${tally.reads} reads, 0 failed, 0 stale, slowest ${Math.round(tally.slowestReadMs)} ms; ` +
      `${tally.acknowledged.length} writes, ${tally.failedWrites.length} failed (${tally.refusedWrites.length} of them ` +
      'refused, the others ambiguous), 0 lost, 0 doubled, ' +
      `slowest ${Math.round(tally.slowestWriteMs)} ms`,
  );
  return tally;
}

/** Connections of the application's user, and of no replication, as the server counts them. */
export async function connectionsAt(server: SqlServer): Promise<number> {
  const [row] = await server.sql<{ n: number }>(
    "SELECT COUNT(*) AS n FROM information_schema.PROCESSLIST WHERE USER = 'app'",
  );
  return Number(row!.n);
}

/** Kills every connection of the application's user. */
export async function killConnections(server: SqlServer): Promise<number> {
  const rows = await server.sql<{ id: number }>(
    "SELECT ID AS id FROM information_schema.PROCESSLIST WHERE USER = 'app'",
  );
  for (const { id } of rows) await server.sql(`KILL ${id}`).catch(() => {});
  return rows.length;
}
