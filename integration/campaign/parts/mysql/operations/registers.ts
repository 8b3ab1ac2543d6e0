import type { createPool as createCallbackPool } from 'fairlead/mysql';
import {
  type Act,
  type CampaignPool,
  fresh,
  key,
  type OperationContext,
  onConnection,
  pick,
  READ,
  type RowDataPacket,
  record,
  registerOf,
  WRITE,
  writing,
} from './context.js';

type CallbackPool = ReturnType<typeof createCallbackPool>;

/** The same pool with callbacks: mysql2's promise pool has it so. */
const callbackPoolOf = (pool: CampaignPool): CallbackPool => (pool as unknown as { pool: CallbackPool }).pool;

/** PoolCluster has none here. */
const hasCallbacks = (pool: CampaignPool): boolean => 'pool' in pool;

/** As text, prepared, or with a callback. */
export const write: Act = (context, worker, random) => {
  const [k, v] = [key(context, random), fresh(context, random)];
  const way = pick(random, 'query', 'execute', 'callback');
  return record(context, worker, ['write', k, v], async () => {
    if (way === 'callback' && context.autocommits && hasCallbacks(context.pool)) await writtenByCallback(context, k, v);
    else await writing(context, (on) => (way === 'execute' ? on.execute(WRITE, [k, v]) : on.query(WRITE, [k, v])));
  });
};

function writtenByCallback({ pool, history }: OperationContext, k: string, v: string): Promise<unknown> {
  const callbackPool = callbackPoolOf(pool);
  return history.called<unknown>((done) => void callbackPool.query(WRITE, [k, v], done as never));
}

const READS = [
  ['read', 'session'],
  ['read', 'session'],
  ['read-strong', 'strong'],
  ['read-old', 'eventual'],
] as const;

/** `read` sees what its client wrote; `read-strong` what anybody did; `read-old` what is `maxLagMs` old. */
export const read: Act = (context, worker, random) => {
  const { pool, history } = context;
  const [name, consistency] = READS[random.below(READS.length)]!;
  const k = key(context, random);
  const way = pick(random, 'pool', 'pool', 'execute', 'connection', 'callback');
  return record(context, worker, [name, k], async () => {
    const options = { sql: READ, values: [k], consistency };
    if (way === 'pool' || !hasCallbacks(pool)) return registerOf(pool, k, { consistency });
    if (way === 'connection') return onConnection(context, (connection) => registerOf(connection, k, { consistency }));
    if (way === 'callback') {
      const rows = await history.called<RowDataPacket[]>((done) =>
        callbackPoolOf(pool).getConnection((error, connection) => {
          if (error) done(error);
          else {
            connection.query(options as never, (failed: unknown, found: RowDataPacket[]) => {
              connection.release();
              done(failed, found);
            });
          }
        }),
      );
      return rows[0]?.v ?? null;
    }
    const [rows] = await pool.execute<RowDataPacket[]>(options as never);
    return rows[0]?.v ?? null;
  });
};

/** Writes in a session of its own, and hands that on: reads outside of it do not wait for it. */
export const handOn: Act = (context, worker, random) => {
  const { pool } = context;
  const [k, v] = [key(context, random), fresh(context, random)];
  return pool.session(async () => {
    const done = await record(context, worker, ['write-apart', k, v], async () => {
      await writing(context, (on) => on.execute(WRITE, [k, v]));
      return true;
    });
    if (done !== true) return;
    const sql = 'REPLACE INTO tokens (k, v, token) VALUES (?, ?, ?)';
    const values = [k, v, pool.exportSession()];
    await record(
      context,
      worker,
      ['token', k, v],
      async () => void (await writing(context, (on) => on.query(sql, values))),
    );
  });
};

/** Goes on with a session of whoever it was: reads nothing older than what that one wrote. */
export const goOn: Act = async (context, worker, random) => {
  const { pool } = context;
  const k = key(context, random);
  const sql = 'SELECT v, token FROM tokens WHERE k = ?';
  const found = await record(context, worker, ['token-found', k], async () => {
    const [rows] = await pool.query<RowDataPacket[]>({ sql, values: [k], consistency: 'strong' } as never);
    return rows[0] ?? null;
  });
  if (!found) return;
  await pool.session(() => record(context, worker, ['token-read', k, found.v], () => registerOf(pool, k)), found.token);
};
