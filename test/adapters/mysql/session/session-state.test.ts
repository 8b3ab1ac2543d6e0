import { beforeEach, describe, expect, it } from 'vitest';
import type { Physical } from '../../../../adapters/mysql/connections/physical.js';
import { SessionState } from '../../../../adapters/mysql/session/session-state.js';
import { ConsistencySession } from '../../../../adapters/mysql/session/write-history.js';
import { classify } from '../../../../adapters/mysql/statement/classify.js';

const GTID = '3e11fa47-71ca-11e1-9e33-c80aa9429562:23';
const IN_TRANSACTION = 1;
const AUTOCOMMIT = 2;

let session: ConsistencySession;
let state: SessionState;

/** mysql2's ResultSetHeader. */
const packet = (change: Record<string, unknown> = {}): Record<string, unknown> => ({
  fieldCount: 0,
  affectedRows: 0,
  insertId: 0,
  info: '',
  serverStatus: AUTOCOMMIT,
  warningStatus: 0,
  ...change,
});
const wrote = (gtid?: string): Record<string, unknown> =>
  packet({ affectedRows: 1, ...(gtid !== undefined && { stateChanges: { gtids: [gtid] } }) });

/** `flags`: those that rows came with. */
function run(sql: string, result: unknown, flags = AUTOCOMMIT): void {
  const physical = { inbound: { flags, usual: AUTOCOMMIT }, autocommits: true } as Physical;
  state.succeeded(classify(sql, { primaryFunctions: new Set() }), result, physical, session, { now: () => 100 }, false);
}

/** What reads have to wait for. */
const owed = (): string =>
  session.untoldWriteAtMs === 100 ? 'the primary' : session.token.empty ? 'nothing' : session.token.toString();

describe('SessionState', () => {
  beforeEach(() => {
    session = new ConsistencySession(false, 0);
    state = new SessionState(true);
  });

  it('takes the position of a write from its answer', () => {
    run('INSERT INTO t VALUES (1)', wrote(GTID));
    expect(owed()).toBe(`${GTID}-23`);
    expect(state.mustStay).toBe(false);
  });

  it('takes MariaDB’s position from the variables it tracks', () => {
    run(
      'INSERT INTO t VALUES (1)',
      packet({ affectedRows: 1, stateChanges: { systemVariables: { last_gtid: '0-1-7' } } }),
    );
    expect(owed()).toBe('0-1-7');
  });

  it('sends reads to the primary after a write that ended in rows, or told no position', () => {
    run('INSERT INTO t VALUES (1) RETURNING id', [{ id: 1 }]);
    expect(owed()).toBe('the primary');
    session = new ConsistencySession(false, 0);
    run('UPDATE t SET a = 1', wrote());
    expect(owed()).toBe('the primary');
  });

  it('owes nothing after a write of no row', () => {
    run('UPDATE t SET a = 1 WHERE FALSE', packet());
    expect(owed()).toBe('nothing');
  });

  it('owes the position of the commit, not of the statements before it', () => {
    run('BEGIN', packet({ serverStatus: AUTOCOMMIT | IN_TRANSACTION }));
    run('INSERT INTO t VALUES (1)', packet({ affectedRows: 1, serverStatus: AUTOCOMMIT | IN_TRANSACTION }));
    expect(state.mustStay).toBe(true);
    expect(owed()).toBe('nothing');
    run('COMMIT', packet({ stateChanges: { gtids: GTID } }));
    expect(owed()).toBe(`${GTID}-23`);
    expect(state.mustStay).toBe(false);
  });

  it('sends reads to the primary when a transaction wrote and its commit told no position', () => {
    run('BEGIN', packet({ serverStatus: AUTOCOMMIT | IN_TRANSACTION }));
    run('INSERT INTO t VALUES (1)', packet({ affectedRows: 1, serverStatus: AUTOCOMMIT | IN_TRANSACTION }));
    run('COMMIT', packet());
    expect(owed()).toBe('the primary');
  });

  it('looks into the results of several statements in one, in their order', () => {
    run('INSERT INTO t VALUES (1); SET @a = 1', [wrote(GTID), packet()]);
    expect(owed()).toBe(`${GTID}-23`);
    session = new ConsistencySession(false, 0);
    // A function called by the second may have written.
    run('INSERT INTO t VALUES (1); SELECT f()', [wrote(GTID), [{ 'f()': 1 }]]);
    expect(owed()).toBe('the primary');
    session = new ConsistencySession(false, 0);
    run('CALL p()', [[{ a: 1 }], wrote(GTID)]);
    expect(owed()).toBe(`${GTID}-23`);
  });

  it('does not take a row for an answer, whatever its columns are called', () => {
    run('SELECT * FROM log', [wrote(GTID)]);
    expect(owed()).toBe('nothing');
  });

  it('stays with autocommit off, and remembers an insert id only where asked to', () => {
    run('INSERT INTO t VALUES (1)', packet({ affectedRows: 1, insertId: 5 }));
    expect([state.hasInsertId, state.mustStay]).toEqual([true, false]);
    run('SET autocommit = 0', packet({ serverStatus: 0 }));
    expect(state.mustStay).toBe(true);
    state = new SessionState(false);
    run('INSERT INTO t VALUES (1)', packet({ affectedRows: 1, insertId: 5 }));
    expect(state.hasInsertId).toBe(false);
  });

  it('knows that the database was changed', () => {
    run('USE other', packet({ stateChanges: { schema: 'other' } }));
    expect(state.hasOtherSchema).toBe(true);
  });
});
