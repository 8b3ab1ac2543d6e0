import { meaningOf } from '../common/errors.js';
import { askUntraced } from '../driver/ask-row.js';
import { type DriverConnection, escaping, flavorOf } from '../driver/driver.js';

/**
 * What a session finds on a connection: the settings of the server, and what the driver believes of
 * them. A clean-up must lead back to those of a new connection, byte for byte, and
 * COM_RESET_CONNECTION alone does not (seen with MySQL 9.7 and MariaDB 10.11): MySQL goes back to
 * the charsets of its own configuration and not to those of the login, MariaDB drops the mode
 * IGNORE_SPACE that the driver logged in with, and both keep the role and the database. The driver
 * follows every SET NAMES, and no reset.
 */
export interface Baseline {
  readonly server: readonly unknown[];
  readonly driver: DriverSide;
}

/** How the driver writes text, and how it reads names of columns. */
interface DriverSide {
  readonly charsetNumber: unknown;
  readonly clientEncoding: unknown;
}

const CLIENT = '@@session.character_set_client';
const RESULTS = '@@session.character_set_results';
const COLLATION = '@@session.collation_connection';
const MODE = '@@session.sql_mode';
const INIT_CONNECT = '@@global.init_connect';
const AUTOCOMMIT = '@@session.autocommit';

/** The first four are set by a clean-up; all are compared after it. */
const COMMON = [
  CLIENT,
  RESULTS,
  COLLATION,
  MODE,
  INIT_CONNECT,
  '@@session.character_set_connection',
  AUTOCOMMIT,
  '@@session.time_zone',
  '@@session.wait_timeout',
  '@@session.session_track_schema',
  '@@session.session_track_system_variables',
  '@@session.session_track_state_change',
  '@@session.session_track_transaction_info',
  'DATABASE()',
  'CURRENT_USER()',
  'CURRENT_ROLE()',
] as const;

const SETTINGS = {
  mysql: [
    ...COMMON,
    '@@session.transaction_isolation',
    '@@session.transaction_read_only',
    '@@session.session_track_gtids',
  ],
  mariadb: [...COMMON, '@@session.tx_isolation', '@@session.tx_read_only'],
} as const;

/**
 * Asks a connection for its settings. Undefined where the server does not know one of them; an
 * error where the connection broke.
 */
export function readBaseline(connection: DriverConnection, done: (error: unknown, found?: Baseline) => void): void {
  const { charsetNumber } = connection.config;
  const { clientEncoding } = connection;
  const sql = `SELECT ${SETTINGS[flavorOf(connection)].join(', ')}`;
  askUntraced(connection, { sql }, (error, row) => {
    if (!error) done(null, { server: Object.values(row), driver: { charsetNumber, clientEncoding } });
    else if (meaningOf(error).connectionUsable) done(null);
    else done(error);
  });
}

/** Whether a clean-up can lead there: what `init_connect` did at the login, no reset does again. */
export function isRestorable({ server }: Baseline): boolean {
  return !server[COMMON.indexOf(INIT_CONNECT)];
}

export function startsWithAutocommit({ server }: Baseline): boolean {
  return Number(server[COMMON.indexOf(AUTOCOMMIT)]) !== 0;
}

/** Whether two connections would serve a session alike. */
export function isSame(a: Baseline, b: Baseline): boolean {
  return a.server.length === b.server.length && a.server.every((value, i) => value === b.server[i]);
}

/**
 * What a reset does not bring back, as the end of a SET. By name a charset has its usual collation,
 * which columns of results tell as theirs: only NAMES gives all three that of the login.
 */
export function assignmentsOf({ server }: Baseline): string {
  const [client, results, collation] = server.map(asLiteral);
  const named = server[0] === server[1] && String(server[2]).startsWith(`${server[0]}_`);
  const charsets = named
    ? `NAMES ${client} COLLATE ${collation}`
    : `${CLIENT} = ${client}, ${RESULTS} = ${results}, ${COLLATION} = ${collation}`;
  return `${charsets}, ${modeOf({ server })}`;
}

/** The mode alone, which MariaDB does not bring back when the user is changed either. */
export function modeOf({ server }: Pick<Baseline, 'server'>): string {
  return `${MODE} = ${asLiteral(server[COMMON.indexOf(MODE)])}`;
}

const asLiteral = (value: unknown): string => escaping.escape(value ?? null, false, 'Z');

/** Lets the driver believe again what it believed then. */
export function restoreDriver(connection: DriverConnection, { driver }: Baseline): void {
  connection.config.charsetNumber = driver.charsetNumber;
  connection.clientEncoding = driver.clientEncoding;
}
