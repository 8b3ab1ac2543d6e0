import { setTimeout as sleep } from 'node:timers/promises';
import { nowMs } from '../../../history.js';
import {
  type Act,
  type Connection,
  fresh,
  key,
  onConnection,
  pick,
  READ,
  type RowDataPacket,
  record,
  registerOf,
  row,
  WRITE,
} from './context.js';

/**
 * Output: from when to when it certainly had the lock, on the history's clock; null where it had none.
 * Also within a read-only transaction, which is on a replica: the lock must not be there.
 */
export const hold: Act = (context, worker, random) => {
  const { history, pool } = context;
  const k = `l${random.below(2)}`;
  const way = pick(random, 'plain', 'plain', 'read-only', 'after a read', 'routed');
  const take = async (connection: Connection): Promise<object | null> => {
    if (way === 'read-only' || way === 'after a read') await connection.query('START TRANSACTION READ ONLY');
    if (way === 'after a read') await registerOf(connection, key(context, random));
    const got = await row(connection, 'SELECT GET_LOCK(?, 0) AS got', [k]).catch((error: unknown) => {
      // Where the read-only transaction is on a replica, and has read: nothing was sent.
      if (way === 'after a read' && (error as { code?: unknown }).code === 'FAIRLEAD_UNROUTABLE') return { got: 0 };
      throw error;
    });
    if (Number(got.got) !== 1) return null;
    const fromMs = nowMs();
    await sleep(random.below(60));
    const toMs = nowMs();
    const mine = await row(connection, 'SELECT IS_USED_LOCK(?) = CONNECTION_ID() AS mine', [k]);
    if (random.below(2) === 0) await connection.query('SELECT RELEASE_LOCK(?)', [k]);
    if (Number(mine.mine) !== 1) history.complain('a lock was lost without a word', k);
    return { fromMs, toMs };
  };
  const ask = (): Promise<object | null> => onConnection(context, take);
  return record(context, worker, ['hold', k], () => (way === 'routed' ? pool.withRoute('replica', ask) : ask()));
};

/**
 * On one connection: something that may tie it to a replica, then a write, then a read, each an
 * operation by itself.
 */
export const pinned: Act = async (context, worker, random) => {
  const k = key(context, random);
  const v = fresh(context, random);
  const way = pick(random, 'prepare', 'prepare', 'prepare strong', 'reset', 'changeUser', 'chain', 'read-only');
  const strong = way === 'prepare strong';
  const step = <T>(name: string, act: () => Promise<T>, input?: unknown): Promise<T | undefined> =>
    record(context, worker, [name, k, input], act);
  await onConnection(context, async (connection) => {
    const begun = await step('pin', () => begin(connection, way, k));
    if (begun === undefined) return;
    const ask = async (): Promise<unknown> => {
      if (typeof begun !== 'object') return registerOf(connection, k);
      const [rows] = (await begun.execute([k])) as unknown as [RowDataPacket[]];
      return rows[0]?.v ?? null;
    };
    const name = strong ? 'read-strong' : 'read';
    for (let i = random.below(2); i > 0; i--) await step(name, ask);
    await step(
      'write',
      async () => {
        await connection.query(WRITE, [k, v]);
        if (!context.autocommits) await connection.commit();
      },
      v,
    );
    await step(name, ask);
    if (typeof begun === 'object') await begun.close();
  });
};

type Prepared = Awaited<ReturnType<Connection['prepare']>>;

async function begin(connection: Connection, way: string, k: string): Promise<Prepared | true> {
  if (way === 'reset') await connection.reset();
  else if (way === 'changeUser')
    await connection.changeUser({ user: 'app', password: 'app', database: 'test' } as never);
  else if (way === 'chain' || way === 'read-only') {
    await connection.query('START TRANSACTION READ ONLY');
    await registerOf(connection, k);
    if (way === 'chain') await connection.query('COMMIT AND CHAIN');
    await connection.commit();
  } else return connection.prepare({ sql: READ, ...(way === 'prepare strong' && { consistency: 'strong' }) } as never);
  return true;
}
