import { askUntraced } from '../driver/ask-row.js';
import { type DriverConnection, flavorOf } from '../driver/driver.js';
import { GtidPosition } from './gtid.js';

/** What one look at a server returned. */
export interface Probe {
  /**
   * @@global.read_only or @@global.innodb_read_only: the truth about its role, whatever discovery's
   * tags say.
   */
  readonly readOnly: boolean;
  readonly flavor: 'mysql' | 'mariadb';
  readonly position: GtidPosition;
  readonly positionText: string;
  /**
   * Which server answered: another one than before where the endpoint's name, or its address, leads
   * to another; '' where it does not say.
   */
  readonly identity: string;
  /** The look needed a new connection, and was not the first. */
  readonly reconnected: boolean;
  /**
   * Clock time at which the look began: the position is at least as new as what was committed by
   * then.
   */
  readonly atMs: number;
}

/** What a server itself says. */
export type Answer = Omit<Probe, 'reconnected' | 'atMs'>;

/** The question that one server is asked at each look. */
export class ProbeQuestion {
  /** It does not know all that the first question asks for. */
  #lacksVariables = false;

  async ask(connection: DriverConnection): Promise<Answer> {
    const flavor = flavorOf(connection);
    const [full, bare] = PROBES[flavor];
    if (!this.#lacksVariables) {
      try {
        return readProbe(await queryRow(connection, full), flavor);
      } catch (error) {
        if (!isUnknownVariable(error)) throw error;
        this.#lacksVariables = true;
      }
    }
    return readProbe(await queryRow(connection, bare), flavor);
  }
}

/** What no two servers that replicate from each other have in common, on either flavor. */
const IDENTITY = "CONCAT(@@global.server_id, ' ', @@hostname, ' ', @@port) AS identity";

/**
 * Aurora says by innodb_read_only which server is a reader, and may leave read_only alone. Where a
 * server lacks one of the variables (TiDB has no positions) it is asked for less.
 */
const PROBES = {
  mysql: [
    `SELECT @@global.read_only AS readOnly, @@global.innodb_read_only AS innodbReadOnly, @@global.gtid_executed AS position, ${IDENTITY}`,
    'SELECT @@global.read_only AS readOnly',
  ],
  mariadb: [
    `SELECT @@global.read_only AS readOnly, @@global.innodb_read_only AS innodbReadOnly, @@global.gtid_current_pos AS position, ${IDENTITY}`,
    'SELECT @@global.read_only AS readOnly',
  ],
} as const;

function readProbe(row: Readonly<Record<string, unknown>>, flavor: 'mysql' | 'mariadb'): Answer {
  const positionText = String(row.position ?? '');
  const readOnly = isOn(row.readOnly) || isOn(row.innodbReadOnly ?? 0);
  const identity = String(row.identity ?? '');
  return { readOnly, flavor, position: GtidPosition.parse(positionText), positionText, identity };
}

/** MariaDB 12 names more than two states of read_only; only 0 / OFF is writable. */
function isOn(value: unknown): boolean {
  return !['0', 'OFF'].includes(String(value).toUpperCase());
}

/** ER_UNKNOWN_SYSTEM_VARIABLE. */
function isUnknownVariable(error: unknown): boolean {
  return (error as { readonly errno?: unknown }).errno === 1193;
}

function queryRow(connection: DriverConnection, sql: string): Promise<Readonly<Record<string, unknown>>> {
  return new Promise((resolve, reject) => {
    askUntraced(connection, { sql }, (error, row) => (error ? reject(error) : resolve(row)));
  });
}
