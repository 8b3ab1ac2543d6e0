import type { createPool } from 'fairlead/mysql/promise';
import type { Random } from 'fairlead/testing';
import type { RowDataPacket } from 'mysql2/promise';
import { type ClientHistory, nowMs } from '../../history.js';
import { judge } from './judge.js';

export type CampaignPool = ReturnType<typeof createPool>;

export interface OperationContext {
  readonly pool: CampaignPool;
  readonly history: ClientHistory;
  readonly keys: number;
  readonly name: string;
  /** For values that are written once. */
  unique: number;
}

type Act = (context: OperationContext, worker: number, random: Random) => Promise<unknown>;
type Connection = Awaited<ReturnType<CampaignPool['getConnection']>>;

const TEXTS = ['', "it's", 'ä€ß語😀', '\\', '\0', '%_', '`"`', '\r\n', 'e\u0301'];
const CHARSETS = ['latin1', 'utf8mb4', 'gbk', 'sjis', 'cp1251', 'binary'];

const key = ({ keys }: OperationContext, random: Random): string => `k${random.below(keys)}`;
const fresh = (context: OperationContext, random: Random): string =>
  `${context.name}-${context.unique++} ${TEXTS[random.below(TEXTS.length)]}`;

const write: Act = (context, worker, random) => {
  const { pool, history } = context;
  const [k, v] = [key(context, random), fresh(context, random)];
  const sql = 'REPLACE INTO registers (k, v) VALUES (?, ?)';
  const send = random.below(2) === 0 ? () => pool.execute(sql, [k, v]) : () => pool.query(sql, [k, v]);
  return history.run(worker, 'write', k, v, async () => void (await send()), judge);
};

async function registerOf(pool: Pick<CampaignPool, 'query' | 'execute'>, k: string, options: object): Promise<unknown> {
  const sql = 'SELECT v FROM registers WHERE k = ?';
  const [rows] = await pool.query<RowDataPacket[]>({ sql, values: [k], ...options } as never);
  return rows[0]?.v ?? null;
}

/** `read` sees what its client wrote; `read-strong` what anybody did; `read-old` what is `maxLagMs` old. */
const read: Act = (context, worker, random) => {
  const { pool, history } = context;
  const [name, consistency] = [
    ['read', 'session'],
    ['read', 'session'],
    ['read-strong', 'strong'],
    ['read-old', 'eventual'],
  ][random.below(4)]!;
  const k = key(context, random);
  return history.run(worker, name!, k, null, () => registerOf(pool, k, { consistency }), judge);
};

/** In a transaction: adds one, and says what became of it. */
const incr: Act = (context, worker, random) => {
  const { pool, history } = context;
  const k = key(context, random);
  const byHand = random.below(2) === 0;
  return history.run(
    worker,
    'incr',
    k,
    1,
    () => (byHand ? addByHand(pool, k) : pool.transaction((own) => add(own as never, k))),
    judge,
  );
};

async function addByHand(pool: CampaignPool, k: string): Promise<unknown> {
  const connection = await pool.getConnection();
  try {
    await connection.beginTransaction();
    const n = await add(connection, k);
    await connection.commit();
    return n;
  } finally {
    connection.release();
  }
}

async function add(connection: Connection, k: string): Promise<unknown> {
  await connection.query('INSERT INTO counters (k, n) VALUES (?, 1) ON DUPLICATE KEY UPDATE n = n + 1', [k]);
  const [rows] = await connection.query<RowDataPacket[]>('SELECT n FROM counters WHERE k = ?', [k]);
  return rows[0]?.n;
}

/** Written, met by an error in the middle, and rolled back: nobody may read it. */
const undone: Act = (context, worker, random) => {
  const { pool, history } = context;
  const k = key(context, random);
  return history.run(
    worker,
    'undone',
    k,
    null,
    async () => {
      const connection = await pool.getConnection();
      try {
        await connection.beginTransaction();
        await connection.query('REPLACE INTO registers (k, v) VALUES (?, ?)', [k, `undone by ${context.name}`]);
        await connection.query('INSERT INTO counters (k, n) VALUES (?, NULL)', [k]).catch(() => {});
        await connection.rollback();
      } finally {
        connection.release();
      }
    },
    judge,
  );
};

/** Finds its session as new, and leaves all kinds of things in it. */
const session: Act = (context, worker, random) => {
  const { pool, history, name } = context;
  const mark = `${name}-${worker}-${context.unique++}`;
  return history.run(
    worker,
    'session',
    mark,
    null,
    async () => {
      const connection = await pool.getConnection();
      try {
        const sql =
          "SELECT @mine AS mine, @@character_set_client AS charset, @@autocommit AS autocommit, @@sql_mode LIKE '%ANSI_QUOTES%' AS quotes";
        const [[found]] = await connection.query<RowDataPacket[]>({ sql, route: 'primary' } as never);
        const isNew =
          found?.mine === null &&
          /^utf8mb4/.test(found.charset) &&
          Number(found.autocommit) === 1 &&
          Number(found.quotes) === 0;
        if (!isNew) history.complain('a session is not as new', found);
        await connection.query('SET @mine = ?', [mark]);
        await connection.query(`SET NAMES ${CHARSETS[random.below(CHARSETS.length)]}`);
        if (random.below(3) === 0) await connection.query("SET sql_mode = 'ANSI_QUOTES'");
        // Nobody else's: it would be there already.
        await connection.query('CREATE TEMPORARY TABLE mine (id INT)');
        const [[again]] = await connection.execute<RowDataPacket[]>(
          'SELECT @mine AS mine, (SELECT COUNT(*) FROM mine) AS n',
        );
        if (String(again?.mine) !== mark || Number(again?.n) !== 0)
          history.complain('a session has lost what it had', again);
        if (random.below(3) === 0) await connection.beginTransaction();
      } finally {
        connection.release();
      }
    },
    judge,
  );
};

/** Output: from when to when it certainly had the lock, on the history's clock; null where it had none. */
const hold: Act = (context, worker, random) => {
  const { pool, history } = context;
  const k = `l${random.below(3)}`;
  return history.run(
    worker,
    'hold',
    k,
    null,
    async () => {
      const connection = await pool.getConnection();
      try {
        const [[got]] = await connection.query<RowDataPacket[]>('SELECT GET_LOCK(?, 0) AS got', [k]);
        if (Number(got?.got) !== 1) return null;
        const fromMs = nowMs();
        await new Promise((resolve) => setTimeout(resolve, random.below(30)));
        const toMs = nowMs();
        const [[mine]] = await connection.query<RowDataPacket[]>('SELECT IS_USED_LOCK(?) = CONNECTION_ID() AS mine', [
          k,
        ]);
        if (random.below(2) === 0) await connection.query('SELECT RELEASE_LOCK(?)', [k]);
        if (Number(mine?.mine) !== 1) history.complain('a lock was lost without a word', k);
        return { fromMs, toMs };
      } finally {
        connection.release();
      }
    },
    judge,
  );
};

/** Writes, and hands its session on. */
const handOn: Act = (context, worker, random) => {
  const { pool, history } = context;
  const [k, v] = [key(context, random), fresh(context, random)];
  return pool.session(async () => {
    const done = await history.run(
      worker,
      'write',
      k,
      v,
      async () => {
        await pool.execute('REPLACE INTO registers (k, v) VALUES (?, ?)', [k, v]);
        return true;
      },
      judge,
    );
    if (done !== true) return;
    const sql = 'REPLACE INTO tokens (k, v, token) VALUES (?, ?, ?)';
    await history.run(
      worker,
      'token',
      k,
      v,
      async () => void (await pool.query(sql, [k, v, pool.exportSession()])),
      judge,
    );
  });
};

/** Goes on with a session of whoever it was: reads nothing older than what that one wrote. */
const goOn: Act = async (context, worker, random) => {
  const { pool, history } = context;
  const k = key(context, random);
  const sql = 'SELECT v, token FROM tokens WHERE k = ?';
  const found = await history.run(
    worker,
    'token-found',
    k,
    null,
    async () => {
      const [rows] = await pool.query<RowDataPacket[]>({ sql, values: [k], consistency: 'strong' } as never);
      return rows[0] ?? null;
    },
    judge,
  );
  if (!found) return;
  await pool.session(
    () => history.run(worker, 'token-read', k, found.v, () => registerOf(pool, k, {}), judge),
    found.token,
  );
};

export const operations: readonly (readonly [weight: number, act: Act])[] = [
  [4, write],
  [6, read],
  [3, incr],
  [1, undone],
  [2, session],
  [1, hold],
  [1, handOn],
  [2, goOn],
];

export function choose(random: Random): Act {
  let left = random.float() * operations.reduce((sum, [weight]) => sum + weight, 0);
  for (const [weight, act] of operations) {
    left -= weight;
    if (left < 0) return act;
  }
  return read;
}

/** Reads all that was written. */
export async function readAll({ pool, history, keys }: OperationContext): Promise<void> {
  for (let i = 0; i < keys; i++) {
    const k = `k${i}`;
    await history.run(0, 'final-read', k, null, () => registerOf(pool, k, { consistency: 'strong' }), judge);
    await history.run(
      0,
      'final-count',
      k,
      null,
      async () => {
        const [rows] = await pool.query<RowDataPacket[]>({
          sql: 'SELECT n FROM counters WHERE k = ?',
          values: [k],
          consistency: 'strong',
        } as never);
        return rows[0]?.n ?? null;
      },
      judge,
    );
  }
}
