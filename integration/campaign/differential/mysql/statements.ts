import type { Dice } from '../dice.js';

/** A statement and its values. */
export type Drawn = readonly [sql: string, values?: unknown];

export const CHARSETS: readonly string[] = [
  ...['utf8mb4', 'utf8mb4', 'utf8mb3', 'latin1', 'latin2', 'cp1251', 'gbk', 'sjis', 'ascii', 'binary'],
];

/** A value of a placeholder. */
export function value(dice: Dice): unknown {
  return dice.weighted<unknown>([
    [5, dice.text()],
    [2, dice.below(5)],
    [1, null],
    [1, -1.5],
    [1, dice.pick([9007199254740991, 9007199254740993n, 0.1 + 0.2, 1e21])],
    [1, dice.chance(0.5)],
    [1, new Date(Date.UTC(2024, dice.below(12), 1 + dice.below(28), dice.below(24), 30, 1, 123))],
    [1, Buffer.from(dice.text(), dice.pick(['utf8', 'latin1'] as const))],
    [1, { a: dice.text() }],
    [1, [1, dice.text()]],
  ]);
}

/** A value that a prepared statement takes as well. */
const scalar = (dice: Dice): unknown => {
  const drawn = value(dice);
  return typeof drawn === 'object' && drawn !== null && !(drawn instanceof Date) && !Buffer.isBuffer(drawn)
    ? dice.text()
    : drawn;
};

const id = (dice: Dice): number => 1 + dice.below(6);
const name = (dice: Dice): string => dice.pick(['a', 'b', 'täble', 'select']);

/** Leave nothing behind in a session: for the pool itself, and for everybody. */
export function freeStatement(dice: Dice): Drawn {
  return dice.weighted<() => Drawn>([
    [3, () => ['SELECT ? AS a, ? AS b', [scalar(dice), scalar(dice)]]],
    [2, () => ['SELECT HEX(?) AS h, LENGTH(?) AS l', [dice.text(), dice.text()]]],
    [2, () => ['SELECT * FROM t ORDER BY id']],
    [2, () => ['SELECT id, v FROM t WHERE id > ? ORDER BY id', [dice.below(4)]]],
    [1, () => ['SELECT * FROM types']],
    [1, () => ['SELECT t.id, u.v, t.v FROM t JOIN t u ON u.id = t.id ORDER BY t.id']],
    [3, () => ['INSERT INTO t (v) VALUES (?)', [dice.text()]]],
    [1, () => ['INSERT INTO t (v) VALUES (?), (?), (?)', [dice.text(), dice.text(), dice.text()]]],
    [1, () => ['INSERT INTO t (id, v) VALUES (?, ?)', [id(dice), dice.text()]]],
    [1, () => ['INSERT IGNORE INTO t (id, v) VALUES (?, ?)', [id(dice), dice.text()]]],
    [1, () => ['REPLACE INTO t (id, v) VALUES (?, ?)', [id(dice), dice.text()]]],
    [1, () => ['INSERT INTO t (id, v) VALUES (?, ?) ON DUPLICATE KEY UPDATE v = CONCAT(v, 1)', [id(dice), 'x']]],
    [2, () => ['UPDATE t SET v = ? WHERE id <= ?', [dice.text(), id(dice)]]],
    [1, () => ['DELETE FROM t WHERE id = ?', [id(dice)]]],
    [1, () => ['INSERT INTO types (i, d, f) VALUES (?, ?, ?)', [scalar(dice), scalar(dice), scalar(dice)]]],
    [1, () => ['INSERT INTO loose (v) VALUES (?)', [dice.text()]]],
    [1, () => ['SELECT v FROM loose ORDER BY id']],
    [1, () => ['CALL two(?)', [id(dice)]]],
    [1, () => ['SELECT 1 / 0 AS z, CAST(? AS SIGNED) AS s', [dice.text()]]],
    [
      1,
      () => ["SELECT CAST('2020-01-02 03:04:05.678' AS DATETIME(3)) d, CAST('-12:13:14' AS TIME) t, 1.10 n, X'00FF' x"],
    ],
    [1, () => ['SELECT * FROM nowhere']],
    [1, () => ['SELEC 1']],
    [1, () => ['SELECT ?']],
    [1, () => ['SELECT 1 AS a', ['one too many']]],
    [1, () => ['']],
    [1, () => ['-- nothing']],
    [1, () => ['DO 1']],
    [1, () => ["SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'mine', MYSQL_ERRNO = 5000"]],
    [1, () => ['SELECT COUNT(*) AS n FROM t WHERE v IN (?)', [[dice.text(), dice.text()]]]],
    [1, () => ['SELECT ?? FROM ?? ORDER BY id', [['id', 'v'], 't']]],
    [1, () => ['EXPLAIN SELECT 1']],
    [1, () => ['SHOW COLUMNS FROM t']],
    [1, () => ['TRUNCATE loose']],
    [1, () => ['/*!50000 SELECT 1 AS versioned */']],
    [1, () => ['WITH c AS (SELECT id FROM t) DELETE FROM t WHERE id IN (SELECT MAX(id) FROM (SELECT * FROM c) x)']],
  ])();
}

/** What leaves something behind, and what looks at it. */
export function sessionStatement(dice: Dice): Drawn {
  return dice.weighted<() => Drawn>([
    [10, () => freeStatement(dice)],
    [2, () => [`SET NAMES ${dice.pick(CHARSETS)}`]],
    [1, () => [`SET CHARACTER SET ${dice.pick(CHARSETS)}`]],
    [1, () => [`SET character_set_results = ${dice.pick([...CHARSETS, 'NULL'])}`]],
    [1, () => ['SET collation_connection = utf8mb4_bin']],
    [
      2,
      () => [
        "SHOW VARIABLES WHERE Variable_name IN ('character_set_client', 'character_set_results', 'collation_connection', 'sql_mode', 'autocommit', 'time_zone')",
      ],
    ],
    [2, () => [`SET @${dice.pick(['a', 'b'])} = ?`, [dice.text()]]],
    [2, () => ['SELECT @a, HEX(@b), CHARSET(@a) AS c']],
    [1, () => ['SELECT @a := ? AS assigned', [dice.text()]]],
    [1, () => ['SELECT v INTO @a FROM t ORDER BY id LIMIT 1']],
    [
      2,
      () => [
        `CREATE TEMPORARY TABLE \`${name(dice)}\` (id INT AUTO_INCREMENT PRIMARY KEY, v TEXT CHARACTER SET utf8mb4)`,
      ],
    ],
    [2, () => [`INSERT INTO \`${name(dice)}\` (v) VALUES (?)`, [dice.text()]]],
    [2, () => [`SELECT * FROM \`${name(dice)}\``]],
    [1, () => [`DROP TEMPORARY TABLE IF EXISTS \`${name(dice)}\``]],
    [1, () => ['SELECT LAST_INSERT_ID() AS i, ROW_COUNT() AS r, FOUND_ROWS() AS f']],
    [1, () => ['SELECT LAST_INSERT_ID(?) AS i', [dice.below(100)]]],
    [1, () => ['SELECT SQL_CALC_FOUND_ROWS id FROM t ORDER BY id LIMIT 1']],
    [1, () => [dice.pick(['SHOW WARNINGS', 'SHOW ERRORS', 'SELECT @@warning_count AS w'])]],
    [
      1,
      () => [
        `SET sql_mode = '${dice.pick(['', 'ANSI_QUOTES', 'NO_BACKSLASH_ESCAPES', 'STRICT_ALL_TABLES,PIPES_AS_CONCAT'])}'`,
      ],
    ],
    [1, () => ['SELECT "a" || \'b\' AS x']],
    [1, () => [`SET time_zone = '${dice.pick(['+00:00', '+05:30', '-11:00', 'nowhere'])}'`]],
    [1, () => ['SELECT FROM_UNIXTIME(1700000000) AS u, CURRENT_TIMESTAMP > 0 AS now']],
    [1, () => ["PREPARE p FROM 'SELECT ? AS x, @a AS a'"]],
    [1, () => ['EXECUTE p USING @a']],
    [1, () => ['DEALLOCATE PREPARE p']],
    [
      1,
      () => [
        `SELECT ${dice.pick(['GET_LOCK', 'GET_LOCK', 'IS_FREE_LOCK'])}('k${dice.below(2)}'${dice.chance(0.9) ? ', 0' : ''}) AS l`,
      ],
    ],
    [1, () => [`SELECT RELEASE_LOCK('k${dice.below(2)}') AS l`]],
    [1, () => [`USE ${dice.pick(['test', 'information_schema', 'nowhere'])}`]],
    [1, () => ['SELECT DATABASE() AS d, CURRENT_USER() AS u']],
    [1, () => ['SELECT 1 AS a; UPDATE t SET v = v; SELEC 2; SELECT 3']],
    [1, () => ['SELECT 1 AS a; SET @a = 5; SELECT @a AS b; INSERT INTO t (v) VALUES (7)']],
    [1, () => ['SELECT SQL_NO_CACHE SLEEP(0.01) AS s']],
    [1, () => ['HANDLER t OPEN']],
    [1, () => ['HANDLER t READ FIRST']],
    [1, () => ['HANDLER t CLOSE']],
    [1, () => ['KILL QUERY CONNECTION_ID()']],
    [1, () => ['SET sql_select_limit = 2']],
    [1, () => ['SET SESSION group_concat_max_len = 4']],
    [1, () => ['SELECT GROUP_CONCAT(v ORDER BY id) AS g FROM t']],
    [2, () => transactional(dice)],
  ])();
}

function transactional(dice: Dice): Drawn {
  return [
    dice.pick([
      ...['BEGIN', 'START TRANSACTION READ ONLY', 'START TRANSACTION WITH CONSISTENT SNAPSHOT', 'COMMIT', 'ROLLBACK'],
      ...['COMMIT AND CHAIN', 'ROLLBACK AND CHAIN', 'SAVEPOINT s', 'ROLLBACK TO SAVEPOINT s', 'RELEASE SAVEPOINT s'],
      ...['SET autocommit = 0', 'SET autocommit = 1', 'SET TRANSACTION ISOLATION LEVEL READ COMMITTED'],
      ...['SELECT * FROM t WHERE id = 1 FOR UPDATE NOWAIT', 'SELECT * FROM t WHERE id < 3 LOCK IN SHARE MODE'],
      ...[
        'LOCK TABLES t READ',
        'LOCK TABLES t WRITE, loose READ',
        'UNLOCK TABLES',
        'CREATE TABLE IF NOT EXISTS extra (a INT)',
      ],
      ...['DROP TABLE IF EXISTS extra', 'SELECT @@in_transaction', "XA START 'x'", "XA END 'x'", "XA ROLLBACK 'x'"],
    ]),
  ];
}

/** Of a query; functions are made by the player. */
export function queryOptions(dice: Dice): Record<string, unknown> {
  return dice.some(0.12, {
    rowsAsArray: true,
    nestTables: dice.pick([true, '_']),
    typeCast: dice.pick(['false', 'string', 'buffer', 'next']),
    dateStrings: dice.pick([true, ['DATE']]),
    supportBigNumbers: true,
    bigNumberStrings: true,
    decimalNumbers: true,
    timezone: '+03:00',
    jsonStrings: true,
    timeout: 5_000,
    stringifyObjects: true,
  });
}

/** Of the pool. */
export function poolOptions(dice: Dice): Record<string, unknown> {
  return {
    multipleStatements: dice.chance(0.6),
    ...dice.some(0.1, {
      rowsAsArray: true,
      nestTables: true,
      typeCast: dice.pick(['false', 'string', 'next']),
      dateStrings: true,
      supportBigNumbers: true,
      bigNumberStrings: true,
      decimalNumbers: true,
      timezone: dice.pick(['Z', '+02:00']),
      jsonStrings: true,
      stringifyObjects: true,
      namedPlaceholders: true,
      charset: dice.pick(['latin1', 'utf8mb4_bin', 'UTF8MB4_UNICODE_CI', 'cp1251']),
      flags: dice.pick([['-FOUND_ROWS'], ['-IGNORE_SPACE']]),
      maxPreparedStatements: 2,
      enableKeepAlive: false,
      insecureAuth: true,
      compress: true,
    }),
  };
}
