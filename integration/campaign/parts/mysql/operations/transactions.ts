import { Readable } from 'node:stream';
import {
  type Act,
  type Connection,
  key,
  type OperationContext,
  onConnection,
  pick,
  record,
  registerOf,
  row,
  WRITE,
  writing,
} from './context.js';

const ADD = 'INSERT INTO counters (k, n) VALUES (?, 1) ON DUPLICATE KEY UPDATE n = n + 1';

/** One statement that must not be done twice, as text, prepared, or on a connection of its own. */
export const add: Act = (context, worker, random) => {
  const k = key(context, random);
  const way = pick(random, 'query', 'query', 'execute', 'connection');
  return record(context, worker, ['add', k, 1], async () => {
    if (way !== 'connection')
      return void (await writing(context, (on) => (way === 'execute' ? on.execute(ADD, [k]) : on.query(ADD, [k]))));
    await onConnection(context, async (connection) => {
      await connection.query(ADD, [k]);
      if (!context.autocommits) await connection.commit();
    });
  });
};

/** In a transaction: adds one, and returns what became of it. */
export const incr: Act = (context, worker, random) => {
  const k = key(context, random);
  const way = pick(random, 'by hand', 'run', 'run', 'without autocommit', 'denied');
  return record(context, worker, ['incr', k, 1], () => {
    if (way === 'run') return context.pool.transaction((own) => added(own as never, k));
    return onConnection(context, async (connection) => {
      if (way === 'without autocommit') await connection.query('SET autocommit = 0');
      else await connection.beginTransaction();
      const n = await added(connection, k);
      if (way === 'denied') await askForTooMuch(context, connection);
      await connection.commit();
      return n;
    });
  });
};

async function added(connection: Connection, k: string): Promise<unknown> {
  await connection.query(ADD, [k]);
  return (await row(connection, 'SELECT n FROM counters WHERE k = ?', [k])).n;
}

/** ER_ACCESS_DENIED_ERROR, about a file and not about the login: the transaction goes on. */
async function askForTooMuch({ history }: OperationContext, connection: Connection): Promise<void> {
  try {
    await connection.query("LOAD DATA INFILE '/nowhere/at-all' INTO TABLE loaded (tag)");
  } catch (error) {
    // Lost on the way, or a demoted server that says so first: as with any other statement.
    if ((error as { errno?: unknown }).errno !== 1045) throw error;
    return;
  }
  history.complain('what its user has no right to was done');
}

/** Written, met by an error in the middle, and left in one of many ways: nobody may read it. */
export const undone: Act = (context, worker, random) => {
  const k = key(context, random);
  const way = pick(random, 'rollback', 'rollback', 'release', 'destroy', 'reset', 'another');
  return record(context, worker, ['undone', k], async () => {
    const connection = await context.pool.getConnection();
    try {
      await connection.beginTransaction();
      await connection.query(WRITE, [k, `undone by ${context.name}, ${way}`]);
      await connection.query('INSERT INTO counters (k, n) VALUES (?, NULL)', [k]).catch(() => {});
      if (way === 'rollback') await connection.rollback();
      else if (way === 'reset') await connection.reset();
      else if (way === 'another') await connection.query('ROLLBACK AND CHAIN');
      else if (way === 'destroy') {
        connection.destroy();
        const { state } = (connection as unknown as { connection: { state?: string } }).connection;
        if (state !== 'disconnected') context.history.complain('a connection that was destroyed says', state);
      }
    } finally {
      if (way === 'destroy') connection.destroy();
      else connection.release();
    }
  });
};

/** Two reads of a read-only transaction see one moment. */
export const snapshot: Act = (context, worker, random) => {
  const k = key(context, random);
  return record(context, worker, ['snapshot', k], () =>
    context.pool.transaction(
      async (connection) => {
        const first = await registerOf(connection as never, k);
        const second = await registerOf(connection as never, k);
        if (first !== second) context.history.complain('two reads of a transaction differ', { first, second });
      },
      { readOnly: true, isolationLevel: 'REPEATABLE READ' },
    ),
  );
};

/** All rows of a LOAD DATA LOCAL, or none. */
export const load: Act = (context, worker, random) => {
  const tag = `${context.name}-${context.unique++}`;
  const n = 1 + random.below(400);
  const lines = Array.from({ length: n }, (_, i) => `${tag},${i}\n`);
  const pieces = Array.from({ length: 4 }, (_, i) => lines.slice((i * n) / 4, ((i + 1) * n) / 4).join(''));
  const sql = "LOAD DATA LOCAL INFILE 'rows' INTO TABLE loaded FIELDS TERMINATED BY ',' (tag, n)";
  const infileStreamFactory = (): Readable =>
    Readable.from(pieces.filter((piece) => piece !== '').map((piece) => Buffer.from(piece)));
  return record(
    context,
    worker,
    ['load', tag, n],
    async () => void (await writing(context, (on) => on.query({ sql, infileStreamFactory } as never))),
  );
};
