import type { Random } from 'fairlead/testing';
import {
  type Act,
  type Connection,
  key,
  type OperationContext,
  onConnection,
  pick,
  record,
  row,
  WRITE,
} from './context.js';

const CHARSETS = ['latin1', 'utf8mb4', 'gbk', 'sjis', 'cp1251', 'binary'] as const;
const TEXT = 'ä€ß語😀\\e\u0301';
const ISOLATION = { mysql: '@@session.transaction_isolation', mariadb: '@@session.tx_isolation' } as const;

/** What a session may find changed, as one text. */
async function look({ flavor, history }: OperationContext, connection: Connection): Promise<string> {
  const sql = `SELECT @mine AS mine, @@character_set_client AS client, @@character_set_results AS results,
    @@collation_connection AS collation, @@session.autocommit AS autocommit, @@session.sql_mode AS mode,
    @@session.time_zone AS zone, @@session.sql_select_limit AS few, @@session.group_concat_max_len AS length,
    ${ISOLATION[flavor]} AS isolation, DATABASE() AS db, CURRENT_USER() AS user`;
  const found = await row(connection, sql);
  const [bytes] = [await row(connection, 'SELECT HEX(?) AS hex, ? AS text', [TEXT, TEXT])];
  if (bytes.hex !== Buffer.from(TEXT).toString('hex').toUpperCase() || bytes.text !== TEXT)
    history.complain('text arrives as other bytes in a new session', bytes);
  return JSON.stringify(found);
}

async function mustBeNew(context: OperationContext, connection: Connection, after: string): Promise<void> {
  const found = await look(context, connection);
  context.asNew ??= found;
  if (found !== context.asNew)
    context.history.complain('a session is not as new', { after, found, asNew: context.asNew });
}

/** All kinds of things that a session leaves. */
const LEAVES: readonly ((connection: Connection, random: Random, context: OperationContext) => Promise<unknown>)[] = [
  (connection, random) => connection.query(`SET NAMES ${pick(random, ...CHARSETS)}`),
  (connection, random) => connection.query(`SET NAMES ${pick(random, ...CHARSETS)}`),
  (connection) => connection.query('SET NAMES utf8mb4 COLLATE utf8mb4_bin'),
  (connection, random) => connection.query(`SET CHARACTER SET ${pick(random, ...CHARSETS)}`),
  (connection) => connection.query("SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'"),
  (connection) => connection.query("SET time_zone = '+05:30'"),
  (connection) => connection.query('SET sql_select_limit = 1'),
  (connection) => connection.query('SET SESSION group_concat_max_len = 4'),
  (connection) => connection.query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED'),
  (connection) => connection.query('SET autocommit = 0'),
  (connection) => connection.query("PREPARE mine FROM 'SELECT 1'"),
  (connection) => connection.query('USE information_schema'),
];

/** The last that it leaves: a further BEGIN would commit it. */
async function leaveTransaction(connection: Connection, random: Random, context: OperationContext): Promise<void> {
  await connection.beginTransaction();
  if (random.below(2) === 0) return;
  await connection.query(WRITE.replace('registers', 'test.registers'), [key(context, random), 'undone by a session']);
}

/** Finds its session as new, leaves things in it, finds those, and ends in one of three ways. */
export const session: Act = (context, worker, random) => {
  const { name, history } = context;
  const mark = `${name}-${worker}-${context.unique++}`;
  const end = pick(random, 'release', 'release', 'release', 'reset', 'changeUser');
  return record(context, worker, ['session', mark], () =>
    onConnection(context, async (connection) => {
      await mustBeNew(context, connection, 'getConnection');
      await connection.query('SET @mine = ?', [mark]);
      // Nobody else's: it would be there already.
      await connection.query('CREATE TEMPORARY TABLE mine (id INT)');
      const again = await row(connection, 'SELECT @mine AS mine, (SELECT COUNT(*) FROM mine) AS n');
      if (String(again.mine) !== mark || Number(again.n) !== 0)
        history.complain('a session has lost what it had', again);
      for (let i = random.below(3); i >= 0; i--) await pick(random, ...LEAVES)(connection, random, context);
      if (random.below(2) === 0) await leaveTransaction(connection, random, context);
      if (end === 'reset') await connection.reset();
      if (end === 'changeUser')
        await connection.changeUser({ user: 'app', password: 'app', database: 'test' } as never);
      if (end !== 'release') await mustBeNew(context, connection, end);
    }),
  );
};

/** `LAST_INSERT_ID(77)` is still there after a read of something else; placeholders may get names. */
export const memory: Act = (context, worker, random) => {
  const id = 1 + random.below(1_000);
  return record(context, worker, ['memory', String(id)], () =>
    onConnection(context, async (connection) => {
      await connection.query('SELECT LAST_INSERT_ID(?)', [id]);
      await row(connection, 'SELECT COUNT(*) AS n FROM registers');
      const found = await row(connection, 'SELECT LAST_INSERT_ID() AS id');
      if (Number(found.id) !== id) context.history.complain('a LAST_INSERT_ID is forgotten', { id, found });
      (connection as unknown as { config: { namedPlaceholders: boolean } }).config.namedPlaceholders = true;
      const named = { a: id } as never;
      const [[asText]] = (await connection.query('SELECT :a AS a', named)) as unknown as [[{ a: unknown }]];
      const [[prepared]] = (await connection.execute('SELECT :a AS a', named)) as unknown as [[{ a: unknown }]];
      if (Number(asText.a) !== id || Number(prepared.a) !== id)
        context.history.complain('a named placeholder has another value', { id, asText, prepared });
    }),
  );
};
