import { type DriverConnection, flavorOf } from '../driver/driver.js';

/**
 * Brings a connection into the state every session begins with: it tells the position of every
 * write in its answer (any user may ask for that), and has run the statements of the application.
 */
export function prepareConnection(
  connection: DriverConnection,
  initStatements: readonly string[],
  done: (error: unknown) => void,
): void {
  const statements = [TRACK_POSITIONS[flavorOf(connection)], ...initStatements];
  let answered = 0;
  let failure: unknown;
  for (const statement of statements) {
    connection.query(statement, [], (error) => {
      failure ??= error;
      if (++answered === statements.length) done(failure);
    });
  }
}

const TRACK_POSITIONS = {
  mysql: 'SET SESSION session_track_gtids = OWN_GTID',
  mariadb:
    "SET SESSION session_track_system_variables = IF(FIND_IN_SET('last_gtid', @@session_track_system_variables), " +
    "@@session_track_system_variables, CONCAT(@@session_track_system_variables, ',last_gtid'))",
} as const;
