import { withTimeout } from '../../../src/adapter.js';
import type { Clock, Endpoint, Timer } from '../../../src/index.js';
import { cutConnection, isOpen } from '../connections/physical.js';
import { askRow } from '../driver/ask-row.js';
import { type DriverConnection, flavorOf, openConnection } from '../driver/driver.js';
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
  /** The look needed a new connection, and was not the first. */
  readonly reconnected: boolean;
  /**
   * Clock time at which the look began: the position is at least as new as what was committed by
   * then.
   */
  readonly atMs: number;
}

export interface ProberHost {
  readonly clock: Clock;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  connectOptions(endpoint: Endpoint): Promise<Record<string, unknown>> | Record<string, unknown>;
  /** True: it should be looked at again soon, because what was seen proves too little yet. */
  probed(endpoint: Endpoint, probe: Probe): boolean;
  /** It could not be asked; called once per failed look. */
  failed(endpoint: Endpoint, error: unknown): void;
  /** For tests; default: mysql2. */
  open?(options: Record<string, unknown>): DriverConnection;
}

/**
 * Looks at one server again and again, on its own connection, so that a pool in trouble does not
 * hide what the server is. One round trip, and no privilege beyond logging in: system variables
 * report role and position; lag follows from the positions (see `Replication`).
 */
export class Prober {
  readonly #endpoint: Endpoint;
  readonly #host: ProberHost;
  #connection: DriverConnection | undefined;
  #connections = 0;
  /**
   * Counts the looks that were given up: one of them that still waits for its password must open
   * nothing any more.
   */
  #givenUp = 0;
  #timer: Timer | undefined;
  /** Clock time of the next look. */
  #dueMs = 0;
  /** Somebody needs a look that begins after the one under way. */
  #wanted = false;
  /** The pause after a look that proved too little; 0 after one that did not. Milliseconds. */
  #soonMs = 0;
  /** It does not know all that the first question asks for. */
  #lacksVariables = false;
  #closed = false;
  #looking: Promise<void> | undefined;

  constructor(endpoint: Endpoint, host: ProberHost) {
    this.#endpoint = endpoint;
    this.#host = host;
    void this.look();
  }

  /**
   * Looks now, unless closed; while one look is under way, a second caller gets that one. Never
   * rejects.
   */
  look(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#looking ??= this.#lookOnce().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  /** Looks within 50 ms, however many ask for it; a look that is under way has begun too early. */
  lookSoon(): void {
    if (this.#closed) return;
    if (this.#looking !== undefined) this.#wanted = true;
    else this.#lookBy(this.#host.clock.now() + WANTED_WITHIN_MS);
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#drop();
  }

  async #lookOnce(): Promise<void> {
    this.#timer?.cancel();
    const { clock, intervalMs, timeoutMs } = this.#host;
    const atMs = clock.now();
    const connectionsBefore = this.#connections;
    let soon = false;
    try {
      const row = await withTimeout(clock, timeoutMs, this.#ask(), () => noAnswer(timeoutMs));
      const reconnected = connectionsBefore > 0 && this.#connections > connectionsBefore;
      if (!this.#closed) soon = this.#host.probed(this.#endpoint, { ...row, reconnected, atMs });
    } catch (error) {
      this.#drop();
      if (!this.#closed) this.#host.failed(this.#endpoint, error);
    }
    if (this.#closed) return;
    this.#soonMs = soon ? Math.max(FIRST_SOON_MS, this.#soonMs * 2) : 0;
    const pauseMs = soon ? Math.min(this.#soonMs, intervalMs) : intervalMs;
    this.#dueMs = Number.POSITIVE_INFINITY;
    this.#lookBy(atMs + Math.min(pauseMs, this.#wanted ? WANTED_WITHIN_MS : pauseMs));
    this.#wanted = false;
  }

  #lookBy(dueMs: number): void {
    if (this.#dueMs <= dueMs) return;
    const { clock } = this.#host;
    this.#timer?.cancel();
    this.#dueMs = dueMs;
    this.#timer = clock.after(Math.max(0, dueMs - clock.now()), () => void this.look());
  }

  async #ask(): Promise<Omit<Probe, 'reconnected' | 'atMs'>> {
    const connection = await this.#connected();
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

  async #connected(): Promise<DriverConnection> {
    if (this.#connection !== undefined && isOpen(this.#connection)) return this.#connection;
    const givenUpBefore = this.#givenUp;
    const options = await this.#host.connectOptions(this.#endpoint);
    if (this.#givenUp !== givenUpBefore) throw new Error('The look was given up.');
    return new Promise((resolve, reject) => {
      const connection = (this.#host.open ?? openConnection)(options);
      this.#connection = connection;
      this.#connections++;
      // Stays: an error while it is idle is noticed at the next look.
      connection.on('error', reject);
      connection.once('connect', () => resolve(connection));
    });
  }

  #drop(): void {
    this.#givenUp++;
    if (this.#connection !== undefined) cutConnection(this.#connection);
    this.#connection = undefined;
  }
}

/** Twenty looks a second at most: each costs its server 0.2 ms. */
const WANTED_WITHIN_MS = 50;

/**
 * A replica in step has what the primary had 20 ms ago; one that has not is asked after 40, 80, …
 * ms.
 */
const FIRST_SOON_MS = 20;

/**
 * Aurora says by innodb_read_only which server is a reader, and may leave read_only alone. Where a
 * server lacks one of the variables (TiDB has no positions) it is asked for less.
 */
const PROBES = {
  mysql: [
    'SELECT @@global.read_only AS readOnly, @@global.innodb_read_only AS innodbReadOnly, @@global.gtid_executed AS position',
    'SELECT @@global.read_only AS readOnly',
  ],
  mariadb: [
    'SELECT @@global.read_only AS readOnly, @@global.innodb_read_only AS innodbReadOnly, @@global.gtid_current_pos AS position',
    'SELECT @@global.read_only AS readOnly',
  ],
} as const;

function readProbe(
  row: Readonly<Record<string, unknown>>,
  flavor: 'mysql' | 'mariadb',
): Omit<Probe, 'reconnected' | 'atMs'> {
  const positionText = String(row.position ?? '');
  const readOnly = isOn(row.readOnly) || isOn(row.innodbReadOnly ?? 0);
  return { readOnly, flavor, position: GtidPosition.parse(positionText), positionText };
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
    askRow(connection, { sql }, (error, row) => (error ? reject(error) : resolve(row)));
  });
}

function noAnswer(timeoutMs: number): Error {
  return Object.assign(new Error(`No answer to a probe within ${timeoutMs} ms.`), { code: 'ETIMEDOUT' });
}
