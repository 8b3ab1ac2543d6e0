import { once } from 'node:events';
import fc from 'fast-check';
import mysql, { type Connection, type RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SQL_USERS, type SqlServer, type SqlTopology, startMariadb, startMysql } from '../harness/index.js';
import { poolOver, type TestPool } from './support.js';

/**
 * A connection that another session used must be as a new one: what the server believes of the
 * client, what the driver believes of the server, and what the options say. Each history is run in
 * a session, and the next session on the same connection is compared with connections nothing was
 * done on.
 */
const LATIN1 = ['--character-set-server=latin1', '--collation-server=latin1_swedish_ci'];

type Session = Pick<Connection, 'query' | 'execute'>;

/** Differ from one connection, or moment, to the next whatever was done on them. */
const OWN =
  /^(?:timestamp|pseudo_thread_id|rand_seed[12]|error_count|warning_count|statement_id|gtid_.*|innodb_.*|last_gtid)$/;
/** A pool asks for positions; a bare connection does not. */
const TRACKING = /^session_track_/;

const TEXT = 'aä€ß語😀';

async function rows(session: Session, sql: string, values?: unknown[]): Promise<RowDataPacket[]> {
  const [found] = await session.query<RowDataPacket[]>(sql, values);
  return found;
}

/** Everything a session can see of what it begins with. */
async function stateOf(session: Session, tracking: boolean): Promise<Record<string, unknown>> {
  const variables = await rows(session, 'SHOW SESSION VARIABLES');
  const kept = variables.filter(({ Variable_name: name }) => !OWN.test(name) && (tracking || !TRACKING.test(name)));
  const [who] = await rows(
    session,
    'SELECT DATABASE() d, CURRENT_USER() u, CURRENT_ROLE() r, @mine v, LAST_INSERT_ID() i',
  );
  return { ...Object.fromEntries(kept.map((each) => [each.Variable_name, each.Value])), ...who };
}

/**
 * What becomes of text on its way to the server and back, in parameters, literals, names and
 * prepared statements.
 */
async function bytesOf(session: Session): Promise<unknown> {
  const attempt = async (act: () => Promise<unknown>): Promise<unknown> => {
    try {
      return await act();
    } catch (error) {
      return (error as { code: unknown }).code;
    }
  };
  return [
    await attempt(() =>
      rows(session, 'SELECT HEX(?) sent, CHARSET(?) charset, COLLATION(?) collation', [TEXT, 'a', 'a']),
    ),
    await attempt(() => rows(session, "SELECT 'A' = 'a' folds, 'ä' = 'a' accents, 'ß' = 'ss' sharp")),
    await attempt(() => rows(session, 'SELECT ? AS `ä`', [TEXT])),
    await attempt(async () => (await session.execute('SELECT HEX(?) AS sent, ? AS back', [TEXT, TEXT]))[0]),
    await attempt(() => rows(session, "SELECT CONVERT(X'C3A4' USING utf8mb4) AS received")),
    // With IGNORE_SPACE, which the driver asks for, a function may stand apart from its
    // parenthesis.
    await attempt(() => rows(session, 'SELECT COUNT (*) AS apart')),
  ];
}

const CHARSETS = ['utf8mb4', 'utf8mb3', 'latin1', 'latin2', 'gbk', 'sjis', 'cp1251', 'binary', 'ascii'];
const COLLATIONS = ['utf8mb4 COLLATE utf8mb4_bin', 'latin1 COLLATE latin1_bin', 'utf8mb4 COLLATE utf8mb4_general_ci'];

/** One step of a history, on a connection of the pool. */
const step: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...CHARSETS, ...COLLATIONS).map((charset) => `SET NAMES ${charset}`),
  fc.constantFrom(...CHARSETS).map((charset) => `SET CHARACTER SET ${charset}`),
  fc.constantFrom(...CHARSETS).map((charset) => `SET character_set_results = ${charset}`),
  fc.constantFrom(
    'SET character_set_results = NULL',
    "SET collation_connection = 'latin1_german1_ci'",
    'SET @mine = 1',
    "SET sql_mode = ''",
    "SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'",
    "SET time_zone = '+03:00'",
    'SET autocommit = 0',
    'SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE',
    'SET SESSION TRANSACTION READ ONLY',
    'SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED',
    'SET SESSION session_track_schema = OFF',
    "SET SESSION session_track_system_variables = ''",
    'SET SESSION wait_timeout = 77',
    'SET timestamp = 1',
    'SET ROLE guest',
    'SET sql_select_limit = 1',
    'SELECT LAST_INSERT_ID(77)',
    'USE information_schema',
    'BEGIN',
    "INSERT INTO t (v) VALUES ('x')",
    'COMMIT AND CHAIN',
    'CREATE TEMPORARY TABLE IF NOT EXISTS hidden (a INT)',
    "SELECT GET_LOCK('clean', 0)",
    'reset',
    'changeUser',
    'changeUser latin1',
  ),
);

async function take(pool: TestPool, history: readonly string[]): Promise<number> {
  const connection = await pool.getConnection();
  await connection.query('DO 1');
  const { threadId } = connection;
  for (const each of history) {
    try {
      if (each === 'reset') await connection.reset();
      else if (each.startsWith('changeUser')) {
        await connection.changeUser(each === 'changeUser' ? {} : ({ charset: 'LATIN1_SWEDISH_CI' } as never));
      } else await connection.query(each);
    } catch {
      // A write in a read-only transaction, a statement in a charset without its letters: part of
      // the history.
    }
  }
  connection.release();
  return threadId;
}

describe.each([
  ['MySQL', (args: string[]) => startMysql({ replicas: 0, args })],
  ['MySQL with latin1', (args: string[]) => startMysql({ replicas: 0, args: [...args, ...LATIN1] })],
  ['MariaDB with latin1', (args: string[]) => startMariadb({ replicas: 0, args: [...args, ...LATIN1] })],
] as const)('on %s', (_, start) => {
  let topology: SqlTopology<SqlServer>;
  beforeAll(async () => {
    topology = (await start([])) as unknown as SqlTopology<SqlServer>;
    await topology.primary.sql("CREATE ROLE guest; GRANT SELECT ON *.* TO guest; GRANT guest TO app@'%'");
  });
  afterAll(() => topology?.[Symbol.asyncDispose]());

  const bare = (options: object): Promise<Connection> =>
    mysql.createConnection({
      host: topology.primary.host,
      port: topology.primary.port,
      ...SQL_USERS.app,
      database: topology.database,
      ...options,
    });

  /**
   * Runs the history in one session, and compares the next one, on the same pool, with new
   * connections.
   */
  async function expectAsNew(history: readonly string[], options: object = {}): Promise<boolean> {
    await using used = poolOver(topology, { connectionLimit: 1, ...options });
    await using unused = poolOver(topology, { connectionLimit: 1, ...options });
    const fresh = await bare(options);
    const before = await take(used.pool, history);
    const [after, other] = [await used.pool.getConnection(), await unused.pool.getConnection()];
    try {
      expect(await bytesOf(after)).toEqual(await bytesOf(fresh));
      expect(await stateOf(after, false)).toEqual(await stateOf(fresh, false));
      expect(await stateOf(after, true)).toEqual(await stateOf(other, true));
      return after.threadId === before;
    } finally {
      for (const each of [after, other, fresh]) each.destroy();
    }
  }

  it.each([
    ['a variable', ['SET @mine = 1']],
    ['SET NAMES', ['SET NAMES latin1']],
    ['SET NAMES with a collation', ['SET NAMES utf8mb4 COLLATE utf8mb4_bin']],
    ['SET CHARACTER SET', ['SET CHARACTER SET gbk']],
    ['a mode', ["SET sql_mode = 'ANSI_QUOTES'"]],
    ['a zone', ["SET time_zone = '+03:00'"]],
    ['autocommit', ['SET autocommit = 0', "INSERT INTO t (v) VALUES ('x')"]],
    ['an isolation level', ['SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE']],
    ['an access mode', ['SET SESSION TRANSACTION READ ONLY']],
    ['tracking', ["SET SESSION session_track_system_variables = ''", 'SET SESSION session_track_schema = OFF']],
    ['reset()', ['SET NAMES latin1', 'reset']],
  ])('after %s the connection serves the next session as a new one', async (_name, history) => {
    expect(await expectAsNew(history)).toBe(true);
    expect(await expectAsNew(history, { charset: 'UTF8MB4_BIN' })).toBe(true);
  });

  it.each([
    ['a role', ['SET ROLE guest']],
    ['another database, unseen', ['SET SESSION session_track_schema = OFF', 'USE information_schema']],
    ['changeUser()', ['changeUser']],
    ['changeUser() with a charset', ['changeUser latin1']],
  ])('after %s the next session has a new connection, or one that is as new', async (_name, history) => {
    await expectAsNew(history);
  });

  it.each(['reset', 'changeUser'] as const)('%s() leads to a session as new, which goes on', async (how) => {
    await using used = poolOver(topology, { connectionLimit: 1 });
    const [connection, fresh] = [await used.pool.getConnection(), await bare({})];
    try {
      for (const each of ['SET NAMES latin1', "SET sql_mode = ''", "SET time_zone = '+03:00'"])
        await connection.query(each);
      await (how === 'reset' ? connection.reset() : connection.changeUser({}));
      expect(await bytesOf(connection)).toEqual(await bytesOf(fresh));
      expect(await stateOf(connection, false)).toEqual(await stateOf(fresh, false));
    } finally {
      for (const each of [connection, fresh]) each.destroy();
    }
  });

  it('runs what initStatements set again', async () => {
    const initStatements = ["SET sql_mode = 'ANSI_QUOTES', time_zone = '+02:00'", 'SET NAMES latin1'];
    await using used = poolOver(topology, { connectionLimit: 1, initStatements });
    await using unused = poolOver(topology, { connectionLimit: 1, initStatements });
    await take(used.pool, ['SET NAMES utf8mb4', "SET sql_mode = '', time_zone = '+05:00'"]);
    expect(await stateOf(used.pool as never, true)).toEqual(await stateOf(unused.pool as never, true));
    expect(await bytesOf(used.pool as never)).toEqual(await bytesOf(unused.pool as never));
  });

  it('holds for any history, with any of several charsets in the options', async () => {
    const charset = fc.constantFrom(
      undefined,
      'UTF8MB4_BIN',
      'LATIN1_SWEDISH_CI',
      'UTF8MB4_UNICODE_CI',
      'GBK_CHINESE_CI',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), charset, async (history, named) => {
        await expectAsNew(history, named === undefined ? {} : { charset: named });
      }),
      { numRuns: 60, seed: 20_260_611 },
    );
  });

  it('holds for every charset and collation the driver and the server know', async () => {
    const known = await rows(
      await bare({}),
      'SELECT COLLATION_NAME AS name, CHARACTER_SET_NAME AS charset FROM information_schema.COLLATIONS WHERE CHARACTER_SET_NAME IS NOT NULL',
    );
    const { Charsets } = mysql as unknown as { Charsets: Record<string, number> };
    // The first cannot be a client's; the others, and numbers beyond a byte, the driver cannot
    // write.
    const usable = known.filter(
      ({ name, charset }) =>
        Charsets[name.toUpperCase()]! < 256 &&
        !/^(?:ucs2|utf16|utf16le|utf32|dec8|hp8|swe7|keybcs2|geostd8|eucjpms|armscii8)$/.test(charset),
    );
    expect(usable.length).toBeGreaterThan(90);
    const differ: unknown[] = [];
    for (const { name } of usable) {
      const options = { charset: name.toUpperCase() };
      await expectAsNew(['SET NAMES latin1', 'SET @mine = 1'], options).catch((error: Error) =>
        differ.push([name, error.message]),
      );
    }
    expect(differ).toEqual([]);
  });

  it('a session that ends leaves the driver what it believed', async () => {
    await using used = poolOver(topology, { connectionLimit: 1 });
    const core = (used.pool as never as { pool: NodeJS.EventEmitter }).pool;
    const acquired = once(core, 'acquire');
    await used.pool.query('SELECT 1');
    const [connection] = (await acquired) as [{ config: { charsetNumber: number }; clientEncoding: string }];
    const before = [connection.config.charsetNumber, connection.clientEncoding];
    await take(used.pool, ['SET NAMES latin1']);
    await used.pool.query('SELECT 1');
    expect([connection.config.charsetNumber, connection.clientEncoding]).toEqual(before);
  });
});
