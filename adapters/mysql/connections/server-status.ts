import type { DriverConnection } from '../driver/driver.js';

/** SERVER_STATUS_IN_TRANS of the protocol's status flags. */
export const IN_TRANSACTION = 1;
/** SERVER_STATUS_AUTOCOMMIT. */
export const AUTOCOMMIT = 2;

/** An EOF packet: its mark, two bytes of warnings, two of status flags (Client/Server Protocol). */
const EOF_MARK = 0xfe;
const EOF_LENGTH = 5;
const EOF_STATUS = 3;

/**
 * The status flags that came with the latest rows of a connection. What answers without rows tells
 * its flags in its result; mysql2 keeps those of rows to itself. They are how a transaction is
 * noticed that no statement began: under `autocommit = 0` a SELECT opens one.
 */
export class ServerStatus {
  flags: number = AUTOCOMMIT;

  /** Reads the flags of every end of rows that this connection gets. */
  constructor(connection: DriverConnection) {
    const { handlePacket } = connection;
    if (handlePacket === undefined) return;
    connection.handlePacket = (packet) => {
      // No row is so short with this mark: it announces a text of 16 MB or more.
      if (
        packet !== undefined &&
        packet.end - packet.offset === EOF_LENGTH &&
        packet.buffer[packet.offset] === EOF_MARK
      ) {
        this.flags = packet.buffer.readUInt16LE(packet.offset + EOF_STATUS);
      }
      handlePacket.call(connection, packet);
    };
  }
}
