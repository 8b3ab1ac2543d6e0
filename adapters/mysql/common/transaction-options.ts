import { optionReaders as read } from '../../../src/adapter.js';

export type IsolationLevel = 'READ UNCOMMITTED' | 'READ COMMITTED' | 'REPEATABLE READ' | 'SERIALIZABLE';

export interface TransactionOptions {
  /**
   * How often the whole of it is run again where the server gave it up: after a deadlock (1213), a
   * lock that was not to be had in time (1205), a conflict with another member of a group (3101,
   * MariaDB's 1020), or a demotion of the primary (1290). Default 3; 0 to 100.
   */
  readonly retries?: number;
  /** It only reads: on a replica that is fresh enough. Default false. */
  readonly readOnly?: boolean;
  /** Default: the session's. */
  readonly isolationLevel?: IsolationLevel;
}

/** How a transaction begins. */
export interface BeginSettings {
  readonly readOnly: boolean;
  readonly isolationLevel: IsolationLevel | undefined;
}

export interface TransactionSettings extends BeginSettings {
  readonly retries: number;
}

const schema: read.Schema<TransactionSettings> = {
  retries: read.integer(3, 0, 100),
  readOnly: read.boolean(false),
  isolationLevel: read.optional(
    read.oneOf<IsolationLevel>(
      'REPEATABLE READ',
      'READ UNCOMMITTED',
      'READ COMMITTED',
      'REPEATABLE READ',
      'SERIALIZABLE',
    ),
  ),
};

/** What `pool.transaction` was told; refuses what it does not know. */
export function readTransactionOptions(options: unknown): TransactionSettings {
  return read.readOptions('transaction', options, schema);
}
