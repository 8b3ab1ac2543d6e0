import { classifyError, Outcome } from '../../../src/index.js';

/**
 * What an error of mysql2 means: for the endpoint's health, for the connection, and for a repeat.
 * Codes from the MySQL 9 Error Message Reference and MariaDB's error codes; how mysql2 shows each
 * was measured on both servers.
 */
export interface ErrorMeaning {
  /** What it means for the endpoint. */
  readonly outcome: Outcome;
  /** The connection can be used on. */
  readonly connectionUsable: boolean;
  /**
   * `not_executed`: the server did nothing, so even a write may be sent again. `unknown`: it may
   * have executed. `executed`: it answered, a repeat would answer the same.
   */
  readonly effect: 'not_executed' | 'unknown' | 'executed';
  /** The server refuses writes: it is not a primary (any longer). */
  readonly demoted: boolean;
  /** The statement's own time limit passed: a repeat would exceed what its caller allowed. */
  readonly ownTimeout: boolean;
}

interface DriverError {
  readonly code?: unknown;
  readonly errno?: unknown;
  readonly fatal?: unknown;
  readonly message?: unknown;
  readonly syscall?: unknown;
}

const meaning = (
  outcome: Outcome,
  connectionUsable: boolean,
  effect: ErrorMeaning['effect'],
  demoted = false,
  ownTimeout = false,
): ErrorMeaning => Object.freeze({ outcome, connectionUsable, effect, demoted, ownTimeout });

const APPLICATION = meaning(Outcome.ApplicationError, true, 'executed');
/** The connect phase: no statement was sent. */
const UNREACHABLE = meaning(Outcome.ConnectFailure, false, 'not_executed');
/** It went away while a statement was under way. */
const LOST = meaning(Outcome.Failure, false, 'unknown');
const TIMED_OUT = meaning(Outcome.Timeout, false, 'unknown');
const OWN_TIMEOUT = meaning(Outcome.Timeout, false, 'unknown', false, true);
const OVERLOADED = meaning(Outcome.Overloaded, false, 'not_executed');
const READ_ONLY = meaning(Outcome.ApplicationError, true, 'not_executed', true);
/** It is shutting down: it may have executed what it aborts. */
const SHUTTING_DOWN = meaning(Outcome.Failure, false, 'unknown');
/** Nothing was written to the connection: it was found closed. */
const CLOSED_BEFORE = meaning(Outcome.Cancelled, false, 'not_executed');
const IDLE_CLOSED = meaning(Outcome.Cancelled, false, 'not_executed');
const OFFLINE = meaning(Outcome.ConnectFailure, false, 'not_executed');
/** Wrong password, unknown database: the configuration's fault, not the endpoint's death. */
const REFUSED_LOGIN = meaning(Outcome.ApplicationError, false, 'not_executed');

/** Whatever was asked. */
const BY_ERRNO: ReadonlyMap<number, ErrorMeaning> = new Map([
  [1040, OVERLOADED], // ER_CON_COUNT_ERROR: too many connections
  [1053, SHUTTING_DOWN], // ER_SERVER_SHUTDOWN
  [1927, LOST], // ER_CONNECTION_KILLED (MariaDB)
  [1290, READ_ONLY], // ER_OPTION_PREVENTS_STATEMENT: --read-only, --super-read-only
  [1836, READ_ONLY], // ER_READ_ONLY_MODE
  [3032, OFFLINE], // ER_SERVER_OFFLINE_MODE
  [4031, IDLE_CLOSED], // ER_CLIENT_INTERACTION_TIMEOUT: wait_timeout passed, on an idle connection
]);

/**
 * Of a login. As the answer to a statement 1044, 1045 and 1226 are about that statement: no right
 * to a table, to a file, to one more update in this hour.
 */
const BY_ERRNO_OF_LOGIN: ReadonlyMap<number, ErrorMeaning> = new Map([
  [1203, OVERLOADED], // ER_TOO_MANY_USER_CONNECTIONS
  [1226, OVERLOADED], // ER_USER_LIMIT_REACHED
]);

const CONNECT_PHASE: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'HANDSHAKE_SSL_ERROR',
  'HANDSHAKE_NO_SSL_SUPPORT',
]);

/**
 * The driver, or a plugin, Fairlead's or the user's, refused what the server asked for to log in:
 * it will ask for the same again.
 */
const REFUSED_HERE: ReadonlySet<unknown> = new Set(['AUTH_SWITCH_PLUGIN_ERROR', 'MYSQL_CLEAR_PASSWORD_NOT_ENABLED']);

/**
 * The meaning of an error of a statement, or of connecting where `connecting`. A server's error for
 * a change of the user, which mysql2 marks `fatal`, is read as one for a login.
 */
export function meaningOf(thrown: unknown, connecting = false): ErrorMeaning {
  const { code, errno, fatal, message } = (thrown ?? {}) as DriverError;
  const number = typeof code === 'number' ? code : errno;
  const answered = typeof errno === 'number' && errno > 0 && code !== 'ETIMEDOUT';
  const listed = typeof number === 'number' ? BY_ERRNO.get(number) : undefined;
  if (REFUSED_HERE.has(code)) return REFUSED_LOGIN;
  // "WSREP has not yet prepared node for application use": of Galera, not in step with the others.
  if (number === 1047 && typeof message === 'string' && message.includes('WSREP')) return OFFLINE;
  if (listed !== undefined) return number === 1290 && !mentionsReadOnly(message) ? APPLICATION : listed;
  if (answered && (connecting || fatal === true)) return BY_ERRNO_OF_LOGIN.get(errno) ?? REFUSED_LOGIN;
  if (connecting) return UNREACHABLE;
  if (typeof code === 'string') {
    if (CONNECT_PHASE.has(code)) return UNREACHABLE;
    if (code === 'PROTOCOL_SEQUENCE_TIMEOUT') return OWN_TIMEOUT;
    if (code === 'ETIMEDOUT') return TIMED_OUT;
    if (code === 'PROTOCOL_CONNECTION_LOST') return LOST;
  }
  if (isClosedBefore(thrown)) return CLOSED_BEFORE;
  if (fatal === true) return LOST;
  const general = classifyError(thrown);
  return general === Outcome.Failure || general === Outcome.Timeout ? LOST : APPLICATION;
}

/**
 * mysql2 refuses a command on a connection it knows to be closed, by message alone: nothing was
 * written.
 */
export function isClosedBefore(error: unknown): boolean {
  const { message } = (error ?? {}) as DriverError;
  return typeof message === 'string' && message.includes('in closed state');
}

/** Whether a failure to connect may pass: everything but a refused login. */
export function mayPass(error: unknown): boolean {
  return meaningOf(error, true).outcome !== Outcome.ApplicationError;
}

/**
 * 1290 is also raised for other options, such as --secure-file-priv: those are errors of the
 * statement.
 */
function mentionsReadOnly(message: unknown): boolean {
  return typeof message === 'string' && /read[-_]only/i.test(message);
}
