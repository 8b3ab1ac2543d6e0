import { runUntraced } from '../../../src/adapter.js';
import { type DriverConnection, flavorOf } from '../driver/driver.js';
import { assignmentsOf, type Baseline, isRestorable, isSame, modeOf, readBaseline, restoreDriver } from './baseline.js';
import type { Inbound } from './inbound.js';

/** How a connection was when no session had used it. */
export interface Prepared {
  /** After the login. */
  readonly login: Baseline;
  /** After the statements of the application, too: what each session begins with. */
  readonly session: Baseline;
}

/**
 * Brings a connection into the state every session begins with: it reports the position of every
 * write in its answer (any user may ask for that), and has run the statements of the application.
 * `prepared` is undefined where the server does not report its settings.
 */
export function prepareConnection(
  connection: DriverConnection,
  initStatements: readonly string[],
  done: (error: unknown, prepared?: Prepared) => void,
): void {
  runAll(connection, [TRACK_POSITIONS[flavorOf(connection)]], (notTracked) => {
    if (notTracked) done(notTracked);
    else {
      readBaseline(connection, (lost, login) => {
        if (lost) done(lost);
        else if (login === undefined || initStatements.length === 0) done(null, login && { login, session: login });
        else {
          runAll(connection, initStatements, (failed) => {
            if (failed) done(failed);
            else readBaseline(connection, (gone, session) => done(gone, session && { login, session }));
          });
        }
      });
    }
  });
}

/**
 * Brings a connection that a session has changed back to where it was. False where that is not
 * possible, or did not lead there: another session must not have it.
 */
export function cleanConnection(
  connection: DriverConnection,
  { login, session }: Prepared,
  initStatements: readonly string[],
  done: (error: unknown, clean: boolean) => void,
): void {
  // mysql2 resets connections from 3.22 on.
  if (connection.reset === undefined || !isRestorable(login)) {
    done(null, false);
    return;
  }
  connection.reset((notReset) => {
    if (notReset) {
      done(notReset, false);
      return;
    }
    restoreDriver(connection, login);
    const settings = `${TRACK_POSITIONS[flavorOf(connection)]}, ${assignmentsOf(login)}`;
    runAll(connection, [settings, ...initStatements], (failed) => {
      if (failed) {
        done(failed, false);
        return;
      }
      readBaseline(connection, (lost, found) => {
        // The driver followed the assignments as it follows any: to another number of the charset.
        restoreDriver(connection, session);
        done(lost, found !== undefined && isSame(found, session));
      });
    });
  });
}

interface ForAnotherUser {
  readonly connection: DriverConnection;
  readonly inbound: Inbound;
  prepared: Prepared | undefined;
  retired: boolean;
}

/**
 * Logs a connection in as another user, and makes it as new as it was, but for that: of a change of
 * the user mysql2 would send the charset of the last SET NAMES, and nothing would report positions.
 */
export function changeUser(
  physical: ForAnotherUser,
  options: unknown,
  initStatements: readonly string[],
  done: (error: unknown) => void,
): void {
  const { connection, prepared } = physical;
  physical.retired = true;
  if (prepared !== undefined) restoreDriver(connection, prepared.login);
  connection.changeUser(options, (refused) => {
    if (refused) {
      done(refused);
      return;
    }
    const mode = prepared === undefined ? [] : [`SET ${modeOf(prepared.login)}`];
    runAll(connection, mode, (notSet) => {
      if (notSet) {
        done(notSet);
        return;
      }
      prepareConnection(connection, initStatements, (failed, anew) => {
        physical.prepared = anew;
        physical.inbound.begin();
        done(failed);
      });
    });
  });
}

/**
 * One after the other, until one fails. What the pool itself wants is no part of a caller's trace.
 */
function runAll(connection: DriverConnection, statements: readonly string[], done: (error: unknown) => void): void {
  const [statement, ...rest] = statements;
  if (statement === undefined) done(null);
  else {
    const answered = (error: unknown): void => (error ? done(error) : runAll(connection, rest, done));
    runUntraced(() => connection.query(statement, [], answered));
  }
}

const TRACK_POSITIONS = {
  mysql: 'SET SESSION session_track_gtids = OWN_GTID',
  mariadb:
    "SET SESSION session_track_system_variables = IF(FIND_IN_SET('last_gtid', @@session_track_system_variables), " +
    "@@session_track_system_variables, CONCAT(@@session_track_system_variables, ',last_gtid'))",
} as const;
