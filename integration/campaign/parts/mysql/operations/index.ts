import type { Random } from 'fairlead/testing';
import { type Act, type OperationContext, type RowDataPacket, record, registerOf } from './context.js';
import { hold, pinned } from './pinning.js';
import { goOn, handOn, read, write } from './registers.js';
import { memory, session } from './sessions.js';
import { incr, load, snapshot, undone } from './transactions.js';

export type { OperationContext } from './context.js';

type Weighted = readonly (readonly [weight: number, act: Act])[];

const OPERATIONS: Weighted = [
  [4, write],
  [6, read],
  [3, incr],
  [1, undone],
  [3, session],
  [3, hold],
  [2, pinned],
  [0.5, memory],
  [0.5, snapshot],
  [0.3, load],
  [1, handOn],
  [2, goOn],
];

/** What mysql2's PoolCluster can do as well. */
const PLAIN: Weighted = OPERATIONS.filter(([, act]) => act === write || act === read);

export function choose(random: Random, plain: boolean): Act {
  const operations = plain ? PLAIN : OPERATIONS;
  let left = random.float() * operations.reduce((sum, [weight]) => sum + weight, 0);
  for (const [weight, act] of operations) {
    left -= weight;
    if (left < 0) return act;
  }
  return read;
}

/** Reads all that was written. */
export async function readAll(context: OperationContext): Promise<void> {
  const { pool, keys } = context;
  const strong = async (sql: string, values: unknown[]): Promise<RowDataPacket[]> => {
    const [rows] = await pool.query<RowDataPacket[]>({ sql, values, consistency: 'strong' } as never);
    return rows;
  };
  for (let i = 0; i < keys; i++) {
    const k = `k${i}`;
    await record(context, 0, ['final-read', k], () => registerOf(pool, k, { consistency: 'strong' }));
    await record(context, 0, ['final-count', k], async () => {
      return (await strong('SELECT n FROM counters WHERE k = ?', [k]))[0]?.n ?? null;
    });
  }
  await record(context, 0, ['final-loaded', context.name], async () => {
    const rows = await strong('SELECT tag, COUNT(*) AS n FROM loaded GROUP BY tag', []);
    return Object.fromEntries(rows.map(({ tag, n }) => [tag, Number(n)]));
  });
}
