/**
 * Where a statement may run, and what it does to the session it runs in. What replicas reject
 * (error 1290) is harmless; what they silently accept (GET_LOCK, LAST_INSERT_ID, user variables,
 * temporary tables, FOR SHARE) is what this is for. Whatever is not understood goes to the primary.
 *
 * Token rules after MySQL Router's read/write splitting
 * (router/src/routing/src/sql_splitting_allowed.cc), extended where those let something through: a
 * leading parenthesis, WITH … FOR UPDATE, LOCK IN SHARE MODE, functions that ask for the state of a
 * session, MariaDB's forms.
 */
export interface Statement {
  /**
   * `same`: it asks for what an earlier statement left in its session, so it must run where that
   * one ran.
   */
  readonly route: 'replica' | 'primary' | 'same';
  /**
   * What is left behind: nothing; an open transaction; its end; state of the session (variables,
   * locks, temporary tables, prepared statements), after which the session stays where it is; a
   * LAST_INSERT_ID(), which reads stay with; of what is not a statement, a reset or another user.
   */
  readonly effect: 'none' | 'begin' | 'begin_read_only' | 'chain' | 'end' | 'session' | 'insert_id' | 'reset' | 'user';
  /**
   * Whether it may run on a replica where a route asks for it: `yes`, it is known to only read;
   * `asked`, if the call itself asks for it, because what it does cannot be seen; `never`, because
   * replicas accept what must be on the primary (locks, state of a session); `refused`, they do not
   * accept it.
   */
  readonly onReplica: 'yes' | 'asked' | 'never' | 'refused';
  /**
   * Where in its text it names a connection by its thread id, which belongs to one server: KILL and
   * EXPLAIN FOR CONNECTION.
   */
  readonly threadAt?: number;
  /** Begins a transaction that sees the data of that moment, and not of its first read. */
  readonly seesItsBeginning?: boolean;
  /** Where the `classify` option sends it. */
  readonly forced?: 'replica' | 'primary';
  /** Where a comment at its head sends it. */
  readonly hint?: 'replica' | 'primary';
  /** The word that it begins with, for metrics; undefined for what is not a statement. */
  readonly operation?: string;
  /** Why, for people. */
  readonly reason: string;
}

const statement = (
  route: Statement['route'],
  effect: Statement['effect'],
  onReplica: Statement['onReplica'],
  reason: string,
): Statement => Object.freeze({ route, effect, onReplica, reason });

export const READ: Statement = statement('replica', 'none', 'yes', 'reads only');
export const WRITE: Statement = statement('primary', 'none', 'refused', 'writes, or is not known to only read');
export const UNTERMINATED: Statement = statement('primary', 'none', 'refused', 'a quote or comment has no end');
export const EXECUTABLE: Statement = statement('primary', 'session', 'asked', 'has a comment that the server executes');
export const AMBIGUOUS: Statement = statement(
  'primary',
  'session',
  'asked',
  "reads two ways, depending on the session's sql_mode",
);
export const UNCERTAIN: Statement = statement(
  'primary',
  'session',
  'asked',
  "reads two ways, depending on the connection's charset",
);
export const MULTIPLE: Statement = statement('primary', 'session', 'asked', 'several statements in one');
export const LOCKING: Statement = statement('primary', 'none', 'never', 'locks what it reads');
export const INTO: Statement = statement('primary', 'session', 'asked', 'SELECT … INTO');
export const WITH_WRITE: Statement = statement('primary', 'none', 'refused', 'a writing statement inside');
export const SEQUENCE: Statement = statement('primary', 'none', 'refused', 'uses a sequence');
export const FOUND_ROWS: Statement = statement(
  'primary',
  'none',
  'yes',
  'SQL_CALC_FOUND_ROWS is asked for by the next statement',
);
export const ASSIGNS: Statement = statement('primary', 'session', 'asked', 'assigns a user variable');
export const USER_VARIABLE: Statement = statement('same', 'none', 'yes', 'reads a user variable');
export const SYSTEM_VARIABLE: Statement = statement(
  'same',
  'none',
  'yes',
  'reads a variable of the session or the server',
);
export const LAST: Statement = statement('same', 'none', 'never', 'asks about the last statement of its session');
export const SETS_INSERT_ID: Statement = statement('primary', 'insert_id', 'never', 'sets LAST_INSERT_ID()');
export const LOCK_FUNCTION: Statement = statement(
  'primary',
  'session',
  'never',
  'calls a function of user-level locks',
);
export const LISTED_FUNCTION: Statement = statement(
  'primary',
  'none',
  'asked',
  'calls a function listed in primaryFunctions',
);
export const SERVER_FUNCTION: Statement = statement(
  'primary',
  'none',
  'asked',
  'calls a function that depends on the server',
);
export const BEGIN: Statement = statement('primary', 'begin', 'never', 'begins a transaction');
export const BEGIN_READ_ONLY: Statement = statement(
  'replica',
  'begin_read_only',
  'yes',
  'begins a read-only transaction',
);
export const BEGIN_SNAPSHOT: Statement = Object.freeze({ ...BEGIN_READ_ONLY, seesItsBeginning: true });
export const END: Statement = statement('same', 'end', 'never', 'ends a transaction');
/** Without a transaction to end it begins one that may write. */
export const CHAIN: Statement = statement('primary', 'chain', 'never', 'ends a transaction and begins the next');
export const IN_TRANSACTION: Statement = statement('same', 'none', 'never', 'a savepoint of its transaction');
/** Replicas take it too, but a session with state stays, and most sessions write some time. */
export const SESSION: Statement = statement('primary', 'session', 'never', 'changes the session');
export const PRIMARY_SESSION: Statement = statement('primary', 'session', 'never', 'leaves something in the session');
export const PROGRAM: Statement = statement('primary', 'session', 'asked', 'runs what cannot be seen in it');
export const SERVER: Statement = statement('primary', 'none', 'yes', 'is about one server');
export const ADMINISTRATION: Statement = statement('primary', 'none', 'refused', 'administers one server');
export const SESSION_TABLE: Statement = statement('same', 'none', 'yes', 'reads a table about its session');
export const namesThread = (threadAt: number): Statement => ({
  ...statement('primary', 'none', 'asked', 'names a connection of one server'),
  threadAt,
});
