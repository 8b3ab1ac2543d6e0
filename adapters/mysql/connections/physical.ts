import type { DriverConnection } from '../driver/driver.js';
import type { Inbound } from './inbound.js';
import type { Prepared } from './prepare.js';

/** A connection to one server, with what its pool must remember of it. */
export interface Physical {
  readonly connection: DriverConnection;
  readonly inbound: Inbound;
  /** Whether its sessions begin with autocommit. */
  readonly autocommits: boolean;
  /** How it was when no session had used it; undefined where its server does not report it. */
  prepared: Prepared | undefined;
  /** Clock time at which it became idle. */
  idleSinceMs: number;
  /** A session, or a caller to be, has it: not idle. */
  inUse: boolean;
  /** False once it broke, or something may still run on it: it is cut, not ended. */
  usable: boolean;
  /** Works, but must not serve another session: too old, or its database or user was changed. */
  retired: boolean;
  /** A KILL QUERY for what runs on it is under way: it must not hit anything else. */
  killing?: boolean;
  /** Its thread id was asked for: a caller that names one later may mean this connection. */
  threadIdRead?: boolean;
}

/** Whether mysql2 would still take a command on it. */
export function isOpen(connection: DriverConnection): boolean {
  return (
    !connection._fatalError &&
    !connection._protocolError &&
    !connection._closing &&
    connection.stream?.destroyed !== true
  );
}

/**
 * Ends it now, whatever is under way. mysql2's destroy alone leaves the socket to a server that may
 * never answer.
 */
export function cutConnection(connection: DriverConnection): void {
  connection.destroy();
  connection.stream?.destroy?.();
}

/**
 * Ends it now, and fails what waits on it: destroying alone notifies nothing, as mysql2 fails what
 * waits only when its socket reports an error.
 */
export function failConnection(connection: DriverConnection): void {
  if (connection.stream?.destroy === undefined) connection.destroy();
  else connection.stream.destroy(Object.assign(new Error('The server stopped answering.'), { code: 'ETIMEDOUT' }));
}

/** Whether another session may have it. */
export function isReusable({ usable, retired, killing, connection }: Physical): boolean {
  return usable && !retired && killing !== true && isOpen(connection);
}
