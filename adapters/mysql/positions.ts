import { type DriverConnection, flavorOf } from './driver.js';

/** Asks the server to tell the position of every write in its answer. Any user may. */
export function trackPositions(connection: DriverConnection, done: (error: unknown) => void): void {
  connection.query(STATEMENTS[flavorOf(connection)], [], (error) => done(error));
}

const STATEMENTS = {
  mysql: 'SET SESSION session_track_gtids = OWN_GTID',
  mariadb:
    "SET SESSION session_track_system_variables = IF(FIND_IN_SET('last_gtid', @@session_track_system_variables), " +
    "@@session_track_system_variables, CONCAT(@@session_track_system_variables, ',last_gtid'))",
} as const;
