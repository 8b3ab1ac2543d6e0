import type { Clock } from '../../../src/index.js';
import { type DriverConnection, openConnection } from '../driver/driver.js';
import { Inbound } from './inbound.js';
import { cutConnection, type Physical } from './physical.js';
import type { Prepared } from './prepare.js';

export interface OpeningHost {
  readonly clock: Clock;
  /** Brings a new connection into the state every connection starts from. */
  prepare(connection: DriverConnection, done: (error: unknown, prepared?: Prepared) => void): void;
  /** For tests; default: mysql2. */
  open?(options: Record<string, unknown>): DriverConnection;
}

/** What is known of a connection that is ready for its first session. */
export type Opened = Pick<Physical, 'connection' | 'inbound' | 'prepared'>;

/**
 * Opens a connection and prepares it. `opening` lists it meanwhile: no timeout of the driver's
 * covers what is run on it. Calls back once.
 */
export function openPrepared(
  host: OpeningHost,
  options: Record<string, unknown>,
  opening: Set<DriverConnection>,
  done: (error: unknown, opened?: Opened) => void,
): void {
  const connection = (host.open ?? openConnection)(options, host.clock);
  const inbound = new Inbound(connection);
  let settled = false;
  const settle = (error: unknown, prepared?: Prepared): void => {
    if (settled) return;
    settled = true;
    opening.delete(connection);
    connection.off('error', settle);
    if (error) {
      // Nothing else listens to an 'error' after this one.
      connection.on('error', () => {});
      cutConnection(connection);
      done(error);
    } else done(null, { connection, inbound, prepared });
  };
  opening.add(connection);
  connection.on('error', settle);
  connection.once('connect', () => {
    if (!settled) host.prepare(connection, settle);
  });
}
