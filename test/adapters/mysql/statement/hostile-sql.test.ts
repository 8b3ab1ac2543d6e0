import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { classify } from '../../../../adapters/mysql/statement/classify.js';
import { Router } from '../../../../adapters/mysql/statement/router.js';

const options = { primaryFunctions: new Set(['charge_account']) };
const of = (sql: string): string => {
  const { route, effect } = classify(sql, options);
  return `${route} ${effect}`;
};

/**
 * Each was run on a replica of MySQL 9, or of MariaDB 10.11: it was refused there, or accepted and
 * left something.
 */
describe('what hides a lock, a write or state', () => {
  it.each([
    // A number ends where a keyword begins.
    ['SELECT * FROM t WHERE id = 1.5FOR SHARE', 'primary none'],
    ['SELECT * FROM t WHERE id = 1e5FOR UPDATE', 'primary none'],
    ['SELECT * FROM t WHERE id = 1.e+5FOR UPDATE', 'primary none'],
    ['SELECT * FROM t WHERE id = .5FOR UPDATE', 'primary none'],
    ['SELECT 1.5INTO @x', 'primary session'],
    ["SELECT 'a'INTO @x", 'primary session'],
    ['SELECT * FROM t LIMIT 1 FOR UPDATE INTO @a, @b', 'primary session'],
    // Functions of the server may be called by a quoted name.
    ["SELECT `GET_LOCK`('a', 1)", 'primary session'],
    ['SELECT "get_lock"(\'a\', 1)', 'primary session'],
    ["SELECT GET_LOCK\n--\t\n('a', 1)", 'primary session'],
    ['SELECT `LAST_INSERT_ID`()', 'same none'],
    ['SELECT `charge_account`(1), "charge_account"(1)', 'primary none'],
    // In a write as in a read.
    ["INSERT INTO t SELECT GET_LOCK('a', 1)", 'primary session'],
    ["SELECT GET_LOCK('a', 1) FROM t FOR UPDATE", 'primary session'],
    ["SELECT 1 FROM t FOR UPDATE UNION SELECT GET_LOCK('a', 1)", 'primary session'],
    ['DELETE FROM t WHERE id = (@last := 5)', 'primary session'],
    // Locks of the whole server.
    ['FLUSH TABLES WITH READ LOCK', 'primary session'],
    ['LOCK INSTANCE FOR BACKUP', 'primary session'],
    ['BACKUP STAGE START', 'primary session'],
    // Sequences of MariaDB, with sql_mode ORACLE as well.
    ['SELECT s.nextval', 'primary none'],
    ['SELECT s.CURRVAL FROM dual', 'primary none'],
    ['SELECT NEXT/**/VALUE FOR s', 'primary none'],
    // Comments that a server executes, and those that it does not.
    ['SELECT 1 /*!50000 FOR UPDATE */', 'primary session'],
    ['SELECT 1 /*M!100100 FOR UPDATE */', 'primary session'],
    ['SELECT 1 /* /*! FOR UPDATE */', 'replica none'],
    ['SELECT 1 /*!', 'primary session'],
    ['SELECT 1 --FOR UPDATE', 'primary none'],
    ['SELECT 1 -- FOR UPDATE', 'replica none'],
    ['SELECT 1 # FOR UPDATE', 'replica none'],
    ['SELECT 1 # \n FOR UPDATE', 'primary none'],
    // Quotes and their escapes.
    ["SELECT N'it''s', _utf8mb4'for update', X'00', b'1'", 'replica none'],
    ['SELECT \'a;b\', "c;d", `e;f`', 'replica none'],
    ["SELECT '\\\\', 1 FOR UPDATE -- '", 'primary none'],
    ['SELECT "\\" FOR UPDATE -- "', 'primary session'],
    ['SELECT `a``b` FROM t', 'replica none'],
    ["SELECT @'x' := 1", 'primary session'],
    // Writes that are no first word.
    ['WITH RECURSIVE c AS (SELECT 1) DELETE t FROM t JOIN c', 'primary none'],
    ['EXPLAIN ANALYZE DELETE FROM t', 'primary none'],
    ['EXPLAIN REPLACE INTO t VALUES (1)', 'primary none'],
    ['ANALYZE UPDATE t SET a = 1', 'primary none'],
    ['TABLE t INTO OUTFILE "x"', 'primary session'],
    ['SELECT * FROM (SELECT * FROM t LOCK IN SHARE MODE) x', 'primary none'],
    ['((SELECT 1) UNION (SELECT a FROM t FOR UPDATE SKIP LOCKED))', 'primary none'],
    ['SET STATEMENT max_statement_time=1 FOR SELECT 1', 'primary session'],
    ["EXECUTE IMMEDIATE 'DELETE FROM t'", 'primary session'],
    // Settings of one server.
    ["SELECT group_replication_set_as_primary('x')", 'primary none'],
    ["SELECT WAIT_FOR_EXECUTED_GTID_SET('x', 1)", 'primary none'],
    // Looks dangerous, and is not.
    ['SELECT t.`update`, t.`into` FROM t', 'replica none'],
    ['SELECT COUNT(*) OVER w FROM t WINDOW w AS (ORDER BY a)', 'replica none'],
    ['SELECT get_lock FROM t', 'replica none'],
    // Separators and comments in latin1, parts of names in utf8mb4.
    ['SELECT \u00a0a FROM t', 'primary session'],
    ['SELECT a FROM t FOR\u00a0UPDATE', 'primary session'],
    ['SELECT @a\u00a0:= 1', 'primary session'],
    ['SELECT 1 --\u00a0\nFOR UPDATE', 'primary session'],
    ["SELECT 1 --\u007f\n, GET_LOCK('a', 1)", 'primary session'],
    ['SELECT 1 --\u0085', 'primary session'],
    ["SELECT '\u00a0', `a\u00a0b` FROM t /* \u00a0 */ -- \u00a0", 'replica none'],
    ['SELECT --1, a--b, \u00fcber, 1 - -\u00e4 FROM t', 'replica none'],
    // sql_mode ORACLE.
    ['SELECT SQL%ROWCOUNT', 'same none'],
    ['DECLARE x INT; BEGIN SELECT 1; END', 'primary session'],
    ['SELECT s."nextval"', 'primary none'],
    // Not understood.
    ['SELECT 1; \0', 'replica none'],
    ['\0', 'primary none'],
    ['Ünïcode', 'primary none'],
    [')SELECT 1', 'primary none'],
  ])('%j: %s', (sql, expected) => expect(of(sql)).toBe(expected));

  it('judges a statement of 16 MB', () => {
    const rows = Array(200_000).fill(
      "(1, 'Ada; FOR UPDATE', NULL, '1815-12-10 00:00:00', 'it''s a name of some length')",
    );
    expect(of(`INSERT INTO t VALUES ${rows.join(',')}`)).toBe('primary none');
    expect(of(`SELECT ${'1,'.repeat(8_000_000)} 1 FROM t FOR UPDATE`)).toBe('primary none');
  }, 20_000);
});

const space = fc.constantFrom(' ', '\n', '\t', '/**/', '/* for update */', ' -- x\n', ' # y\n', '/*+ NO_ICP(t) */');
const harmless = fc.constantFrom(
  'a',
  't.b',
  '`update`',
  "'delete from t'",
  '"into"',
  '1',
  '2.5',
  '1e3',
  '(',
  ')',
  ',',
  '+',
  '=',
  '*',
  'FROM',
  'WHERE',
  'JOIN',
  'ORDER BY',
  'GROUP BY',
  'UNION',
  'SELECT',
  'COUNT(',
  'REPLACE(',
  "N'x'",
  "_utf8'y'",
  'IN',
  'AS',
  'IS NULL',
);
const harmful = fc.constantFrom(
  'FOR UPDATE',
  'FOR SHARE',
  'LOCK IN SHARE MODE',
  'INTO @x',
  "INTO OUTFILE 'f'",
  'DELETE',
  'UPDATE',
  'INSERT INTO',
  '@a := 1',
  'GET_LOCK(',
  '`RELEASE_LOCK` (',
  'SQL_CALC_FOUND_ROWS',
  'NEXT VALUE FOR',
  'RETURNING',
  '/*! x */',
  '/*M!100000 x */',
  '; SELECT',
  'charge_account(',
  'nextval(',
  'LOAD_FILE(',
);
const soup = fc.array(fc.tuple(space, harmless), { maxLength: 30 });
const text = (parts: readonly (readonly [string, string])[]): string => parts.map((each) => each.join('')).join('');

describe('any statement', () => {
  it('is judged without an error, whatever it is', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' }), soup.map(text)), (sql) => {
        expect(['replica', 'primary', 'same']).toContain(classify(sql, options).route);
      }),
      { numRuns: 2_000 },
    );
  });

  it('goes to the primary when something in it locks, writes or keeps state, wherever it stands', () => {
    fc.assert(
      fc.property(soup, space, harmful, space, soup, (before, left, danger, right, after) => {
        const sql = `SELECT${text(before)}${left}${danger}${right}${text(after)}`;
        expect({ sql, route: classify(sql, options).route }).toEqual({ sql, route: 'primary' });
      }),
      { numRuns: 5_000 },
    );
  });

  it('goes to the primary when it begins with what is no read', () => {
    const first = fc.constantFrom(
      'INSERT',
      'UPDATE',
      'DELETE',
      'REPLACE',
      'TRUNCATE',
      'ALTER',
      'MERGE',
      'CALL',
      '{',
      '1',
    );
    fc.assert(
      fc.property(space, first, soup, (left, verb, rest) => {
        expect(classify(`${left}${verb}${text(rest)}`, options).route).toBe('primary');
      }),
      { numRuns: 2_000 },
    );
  });

  it('goes to a replica when nothing in it does any of that', () => {
    fc.assert(
      fc.property(soup, (rest) => {
        const sql = `SELECT${text(rest)}`;
        expect({ sql, route: classify(sql, options).route }).toEqual({ sql, route: 'replica' });
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('Router', () => {
  const router = (override?: (sql: string) => never): Router => new Router({ primaryFunctions: [], override });

  it('takes the scanner’s word where the classify option throws or says nonsense', () => {
    const throwing = router(() => {
      throw new Error('mine');
    });
    expect(throwing.route('SELECT 1').route).toBe('replica');
    expect(throwing.route('DELETE FROM t').route).toBe('primary');
    expect(router((() => 'elsewhere') as never).route('SELECT 1').forced).toBeUndefined();
  });

  it('obeys a hint only at the head of a statement', () => {
    expect(router().route('/* fairlead:primary */ SELECT 1').hint).toBe('primary');
    expect(router().route("SELECT '/* fairlead:primary */'").hint).toBeUndefined();
  });

  it.each([
    ['a write', 'DELETE FROM t'],
    ['a lock', "SELECT GET_LOCK('a', 1)"],
    ['a locking read', 'SELECT * FROM t FOR SHARE'],
    ['a procedure', 'CALL p()'],
    ['several statements', 'SELECT 1; DELETE FROM t'],
    ['a comment that is executed', '/*!50000 DELETE FROM t */'],
  ])('sends nothing to a replica by a comment but what is known to read: %s', (_, sql) => {
    const { operation: _name, ...routed } = router().route(`/* fairlead:replica */ ${sql}`);
    expect(routed).toEqual(classify(sql, { primaryFunctions: new Set() }));
    expect(router().route('/* fairlead:replica */ SELECT 1').hint).toBe('replica');
  });

  it('takes comments for comments where hints are off', () => {
    const deaf = new Router({ primaryFunctions: [], override: undefined, hints: false });
    expect(deaf.route('/* fairlead:primary */ SELECT 1')).toMatchObject(
      classify('SELECT 1', { primaryFunctions: new Set() }),
    );
  });
});
