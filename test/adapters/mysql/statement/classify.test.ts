import { describe, expect, it } from 'vitest';
import { classify } from '../../../../adapters/mysql/statement/classify.js';
import { threadNamedIn } from '../../../../adapters/mysql/statement/one-server.js';
import { Router } from '../../../../adapters/mysql/statement/router.js';

const options = { primaryFunctions: new Set(['charge_account']) };
const of = (sql: string): string => {
  const { route, effect } = classify(sql, options);
  return `${route} ${effect}`;
};

describe('classify', () => {
  it.each([
    'SELECT 1',
    'select * from t where a = ? and b in (1, 2)',
    '  \n\t/* comment */ -- more\n # and more\n SELECT 1',
    'SELECT/**/1',
    'SELECT 1;',
    '(SELECT 1) UNION (SELECT 2)',
    '((SELECT a FROM t LIMIT 1))',
    'SELECT \'for update\', "into outfile", `delete` FROM t',
    "SELECT 'it''s for update'",
    "SELECT 'a\\'b'",
    'WITH c AS (SELECT 1) SELECT * FROM c',
    'TABLE t',
    'VALUES ROW(1, 2)',
    "SELECT REPLACE(a, 'x', 'y'), INSERT(a, 1, 1, 'z') FROM t",
    'SELECT a FROM t USE INDEX FOR JOIN (i)',
    "SELECT SUBSTRING('abc' FROM 1 FOR 2)",
    'SELECT /*+ MAX_EXECUTION_TIME(1000) */ 1',
    'SELECT t.next, previous FROM t',
    'SHOW TABLES',
    'SHOW FULL COLUMNS FROM t',
    'SHOW CREATE TABLE t',
    'SHOW TABLE STATUS',
    'DESC t',
    'DESCRIBE t a',
    'EXPLAIN SELECT 1',
    'EXPLAIN ANALYZE SELECT * FROM t',
    'HELP contents',
    'SELECT a--1 FROM t',
    'SELECT charge_account FROM t',
  ])('sends %j to a replica', (sql) => expect(of(sql)).toBe('replica none'));

  it.each([
    'INSERT INTO t VALUES (1)',
    'UPDATE t SET a = 1',
    'DELETE FROM t',
    "REPLACE INTO t VALUES ('select')",
    'TRUNCATE t',
    'CREATE TABLE t (a int)',
    'DROP TABLE IF EXISTS t',
    'ALTER TABLE t ADD b int',
    'SELECT * FROM t FOR UPDATE',
    'SELECT * FROM t FOR/**/UPDATE NOWAIT',
    'SELECT * FROM t FOR SHARE',
    'SELECT * FROM t LOCK IN SHARE MODE',
    '(SELECT * FROM t FOR UPDATE)',
    'WITH c AS (SELECT 1) SELECT * FROM t FOR UPDATE',
    'WITH c AS (SELECT 1) UPDATE t SET a = 1',
    'WITH c AS (SELECT 1) DELETE FROM t',
    'EXPLAIN UPDATE t SET a = 1',
    'EXPLAIN FOR CONNECTION 5',
    'ANALYZE TABLE t',
    'OPTIMIZE TABLE t',
    'CHECKSUM TABLE t',
    'SELECT SQL_CALC_FOUND_ROWS * FROM t LIMIT 1',
    'SELECT NEXT VALUE FOR s',
    'SELECT PREVIOUS VALUE FOR s',
    'SELECT nextval(s)',
    'INSERT INTO t VALUES (1) RETURNING id',
    "SELECT LOAD_FILE('/etc/hostname')",
    'SELECT charge_account(1)',
    'SELECT `charge_account`(1)',
    'SELECT app.charge_account (1)',
    'SHOW STATUS',
    'SHOW VARIABLES',
    'SHOW PROCESSLIST',
    'SHOW REPLICA STATUS',
    "SELECT 'no end",
    'SELECT 1 /* no end',
    'SELECT `no end',
    'nonsense',
    '',
    ';',
  ])('sends %j to the primary, leaving nothing behind', (sql) => expect(of(sql)).toBe('primary none'));

  it.each([
    'SELECT @a := 1',
    'SELECT a INTO @x FROM t',
    "SELECT a INTO OUTFILE '/tmp/x' FROM t",
    "SELECT GET_LOCK('a', 1)",
    'select get_lock /* here */ (?, ?)',
    "SELECT RELEASE_LOCK('a')",
    'SELECT IS_USED_LOCK(?)',
    'CREATE TEMPORARY TABLE tt (a int)',
    'CREATE OR REPLACE TEMPORARY TABLE tt (a int)',
    'DROP TEMPORARY TABLE tt',
    "PREPARE s FROM 'SELECT 1'",
    'EXECUTE s',
    'DEALLOCATE PREPARE s',
    'LOCK TABLES t READ',
    'UNLOCK TABLES',
    'HANDLER t OPEN',
    "XA START 'a'",
    'CALL p()',
    "DO GET_LOCK('a', 1)",
    'BEGIN NOT ATOMIC SELECT 1; END',
    'SELECT 1; SELECT 2',
    'SELECT 1; DELETE FROM t',
    '/*!50000 INSERT INTO t VALUES (1) */',
    '/*M! SELECT 1 */',
    'SELECT /*!50000 1 */ FROM t',
    'UPDATE t SET a = (@a := 1)',
    "SELECT '\\' FOR UPDATE -- '",
  ])('sends %j to the primary and keeps the session there', (sql) => expect(of(sql)).toBe('primary session'));

  it.each([
    ['SELECT LAST_INSERT_ID()', 'same none'],
    ['SELECT FOUND_ROWS()', 'same none'],
    ['SELECT ROW_COUNT()', 'same none'],
    ['SELECT CONNECTION_ID()', 'same none'],
    ['SELECT @a', 'same none'],
    ["SELECT @'a b', @`c`", 'same none'],
    ['SELECT @@last_insert_id', 'same none'],
    ['SELECT @@session.sql_mode', 'same none'],
    ['SHOW WARNINGS', 'same none'],
    ['SHOW COUNT(*) ERRORS', 'same none'],
    ['GET DIAGNOSTICS @a = NUMBER', 'same none'],
    ['SET @a = 1', 'primary session'],
    ['SET autocommit = 0', 'primary session'],
    ['SET NAMES utf8mb4', 'primary session'],
    ['SET TRANSACTION READ ONLY', 'primary session'],
    ['SET STATEMENT max_statement_time = 1 FOR INSERT INTO t VALUES (1)', 'primary session'],
    ['USE other', 'primary session'],
    ['BEGIN', 'primary begin'],
    ['BEGIN WORK', 'primary begin'],
    ['begin;', 'primary begin'],
    ['START TRANSACTION', 'primary begin'],
    ['START TRANSACTION READ WRITE', 'primary begin'],
    ['START TRANSACTION WITH CONSISTENT SNAPSHOT', 'primary begin'],
    ['START TRANSACTION READ ONLY', 'replica begin_read_only'],
    ['START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY', 'replica begin_read_only'],
    ['START REPLICA', 'primary none'],
    ['COMMIT', 'same end'],
    ['ROLLBACK', 'same end'],
    ['COMMIT AND NO CHAIN', 'same end'],
    ['COMMIT AND CHAIN', 'primary chain'],
    ['ROLLBACK TO SAVEPOINT a', 'same none'],
    ['SAVEPOINT a', 'same none'],
    ['RELEASE SAVEPOINT a', 'same none'],
  ])('judges %j: %s', (sql, expected) => expect(of(sql)).toBe(expected));
});

describe('what is about one server', () => {
  it.each([
    'SELECT * FROM performance_schema.threads',
    'SELECT * FROM `performance_schema` . `threads`',
    'SELECT * FROM sys.session',
    'TABLE sys.metrics',
    'SELECT user FROM mysql.user',
    'SELECT * FROM information_schema.processlist',
    'select * from INFORMATION_SCHEMA.`PROCESSLIST` p',
    'SELECT * FROM information_schema.INNODB_TRX',
    'WITH c AS (SELECT id FROM information_schema.processlist) SELECT * FROM c',
    'SELECT t.* FROM t JOIN performance_schema.data_locks l ON l.object_name = t.a',
    'KILL 5',
    'KILL QUERY ?',
    'EXPLAIN FOR CONNECTION 5',
  ])('sends %j to the primary, always', (sql) => expect(of(sql)).toBe('primary none'));

  it.each([
    'SELECT * FROM information_schema.columns',
    'SELECT table_name FROM information_schema.TABLES WHERE table_schema = DATABASE()',
    "SELECT 'performance_schema.threads'",
    'SELECT sys FROM t',
    'SELECT mysql, performance_schema FROM t',
    'SHOW TABLES FROM performance_schema',
  ])('takes %j for what every server has alike', (sql) => expect(of(sql)).toBe('replica none'));

  it('is read in the session where it is about the session', () => {
    expect(of('SELECT * FROM information_schema.session_variables')).toBe('same none');
  });

  it.each([
    ['KILL 5', undefined, 5],
    ['kill query 77;', undefined, 77],
    ['/* kill 1 */ KILL CONNECTION 5', undefined, 5],
    ['KILL HARD QUERY 5', undefined, 5],
    ['KILL ?', [9], 9],
    ['KILL QUERY ?', 9, 9],
    ['EXPLAIN FORMAT=TREE FOR CONNECTION 12', undefined, 12],
    ['KILL QUERY ID 5', undefined, undefined],
    ["KILL USER 'app'", undefined, undefined],
    ['KILL CONNECTION_ID()', undefined, undefined],
    ['KILL ?', ['x'], undefined],
    ['KILL ?', [], undefined],
  ])('finds in %j with %j the thread id %j', (sql, values, id) => {
    const { threadAt } = classify(sql, options);
    expect(threadNamedIn(sql, threadAt!, values)).toBe(id);
  });

  it('is all there is in a database about one server', () => {
    const router = (database: unknown) => new Router({ primaryFunctions: [], override: undefined, database });
    expect(router('performance_schema').route('SELECT * FROM threads').route).toBe('primary');
    expect(router('Sys').route('SELECT * FROM session').route).toBe('primary');
    expect(router('shop').route('SELECT * FROM session').route).toBe('replica');
  });
});
