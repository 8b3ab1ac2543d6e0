import type { DriverConnection } from './driver.js';

/** A connection of ours to one server, with what its pool must remember of it. */
export interface Physical {
  readonly connection: DriverConnection;
  /** Clock time at which it is too old to be used again. */
  readonly expiresAtMs: number;
  /** Clock time at which it became idle. */
  idleSinceMs: number;
  /** False once it broke, or holds what the next user must not inherit. */
  usable: boolean;
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
