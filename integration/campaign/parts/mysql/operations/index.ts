import type { Random } from 'fairlead/testing';
import { swarm } from '../../../schedule.js';
import { type Act, type OperationContext, type RowDataPacket, record, registerOf } from './context.js';
import { hold, pinned } from './pinning.js';
import { goOn, handOn, read, write } from './registers.js';
import { memory, session } from './sessions.js';
import { add, incr, load, snapshot, undone } from './transactions.js';

export type { OperationContext } from './context.js';

type OperationName =
  | 'write'
  | 'read'
  | 'add'
  | 'incr'
  | 'undone'
  | 'session'
  | 'hold'
  | 'pinned'
  | 'memory'
  | 'snapshot'
  | 'load'
  | 'handOn'
  | 'goOn';

const OPERATIONS: Readonly<Record<OperationName, readonly [weight: number, act: Act]>> = {
  write: [4, write],
  read: [6, read],
  add: [4, add],
  incr: [3, incr],
  undone: [1, undone],
  session: [3, session],
  hold: [3, hold],
  pinned: [2, pinned],
  memory: [0.5, memory],
  snapshot: [0.5, snapshot],
  load: [0.3, load],
  handOn: [1, handOn],
  goOn: [2, goOn],
};

const NAMES = Object.keys(OPERATIONS) as OperationName[];

/** What each client asks for in any case; mysql2's PoolCluster can do it as well. */
const ALWAYS: readonly OperationName[] = ['write', 'read'];

const SHARE = 0.35;

/** The names of some operations: one that is asked for all the time meets what it meets seldom. */
export function someOperations(random: Random): readonly OperationName[] {
  const all = NAMES.map((kind) => ({ kind }));
  return swarm(all, random, /^(write|read)$/, SHARE).map(({ kind }) => kind);
}

/** One of those named, or of all; `plain`: of what PoolCluster can do. */
export function choose(random: Random, asked: 'plain' | readonly OperationName[] | undefined): Act {
  const names = asked === 'plain' ? ALWAYS : (asked ?? NAMES);
  let left = random.float() * names.reduce((sum, name) => sum + OPERATIONS[name][0], 0);
  for (const name of names) {
    left -= OPERATIONS[name][0];
    if (left < 0) return OPERATIONS[name][1];
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
