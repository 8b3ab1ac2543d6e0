import type { Clock } from '../../../src/index.js';
import { AUTOCOMMIT, IN_TRANSACTION } from '../connections/inbound.js';
import type { Physical } from '../connections/physical.js';
import type { Statement } from '../statement/verdicts.js';
import { gtidsOf, isPacket, type OkPacket } from './ok-packet.js';
import type { ConsistencySession } from './write-history.js';

/**
 * What the connection of a session holds for it, from the statements it ran and from what the
 * server answered: the status flags and session changes in its packets (MySQL Internals, "Session
 * State Information").
 */
export class SessionState {
  inTransaction = false;
  /** Variables, locks, temporary tables, prepared statements. */
  hasState = false;
  /**
   * LAST_INSERT_ID() is worth something: reads stay here, but nothing is lost where they cannot.
   */
  hasInsertId = false;
  /**
   * The database of the login is not the current one: neither a reset nor anything else brings it
   * back.
   */
  hasOtherSchema = false;
  /** Logged in as another user than the pool's: a reset does not bring that one back. */
  hasOtherUser = false;
  /** In a read-only transaction that has read nothing yet: it may as well begin elsewhere. */
  isUntouched = false;
  /** Something was written in the open transaction. */
  hasWritten = false;
  readonly #keepsInsertId: boolean;

  constructor(keepsInsertId: boolean) {
    this.#keepsInsertId = keepsInsertId;
  }

  /** Whether going on elsewhere would lose something. */
  get mustStay(): boolean {
    return this.inTransaction || this.hasState;
  }

  /** As it was made: another user logs in, and nothing of the one before is left. */
  #clear(): void {
    this.inTransaction = this.hasState = this.hasInsertId = this.hasOtherSchema = this.hasOtherUser = false;
    this.isUntouched = this.hasWritten = false;
  }

  /** Whether an answer with these flags means only that a read outside of all is over. */
  isUnchangedBy({ effect }: Statement, { inbound }: Physical): boolean {
    const { flags, usual } = inbound;
    return effect === 'none' && !this.inTransaction && (flags & (IN_TRANSACTION | AUTOCOMMIT)) === usual;
  }

  /**
   * A statement succeeded: takes from its answer what it reports about the connection, and the
   * position of a write. `isOnReplica`: nothing is written there.
   */
  succeeded(
    statement: Statement,
    result: unknown,
    physical: Physical,
    session: ConsistencySession,
    clock: Pick<Clock, 'now'>,
    isOnReplica: boolean,
  ): void {
    const { route, effect } = statement;
    this.#applyEffect(statement);
    let told = false;
    // Something may have been written after what was reported, or without any report.
    let untold = false;
    let flags: number | undefined;
    for (const part of effect === 'session' ? partsOf(result) : [result]) {
      if (!isPacket(part)) {
        if (!Array.isArray(part)) continue;
        // Rows, as RETURNING and functions that write return: nothing reports whether and where it
        // wrote.
        untold ||= route === 'primary' && effect !== 'insert_id' && !isOnReplica;
        flags = physical.inbound.flags;
        continue;
      }
      flags = part.serverStatus;
      this.#learn(part);
      const gtids = gtidsOf(part);
      for (const gtid of gtids) session.token.add(gtid);
      if (gtids.length > 0) {
        told = true;
        untold = false;
      } else if (part.affectedRows > 0) untold = true;
    }
    if (flags !== undefined) this.#applyFlags(flags, physical.inbound.usual);
    if (this.inTransaction) {
      this.hasWritten ||= untold;
      return;
    }
    if (this.hasWritten && !told) untold = true;
    this.hasWritten = false;
    if (told) session.toldWriteAtMs = clock.now();
    if (untold) session.untoldWriteAtMs = clock.now();
  }

  #applyEffect({ effect, seesItsBeginning }: Statement): void {
    this.isUntouched = effect === 'begin_read_only' && seesItsBeginning !== true;
    if (effect === 'begin' || effect === 'begin_read_only' || effect === 'chain') this.inTransaction = true;
    else if (effect === 'end') this.inTransaction = false;
    else if (effect === 'session') this.hasState = true;
    else if (effect === 'insert_id') this.hasInsertId = true;
    else if (effect === 'user') {
      this.#clear();
      this.hasState = this.hasOtherUser = true;
    }
  }

  #applyFlags(flags: number, usual: number): void {
    this.inTransaction = (flags & IN_TRANSACTION) !== 0;
    if ((flags & AUTOCOMMIT) !== usual) this.hasState = true;
  }

  #learn({ insertId, stateChanges }: OkPacket): void {
    if (insertId && this.#keepsInsertId) this.hasInsertId = true;
    if (stateChanges?.schema) this.hasOtherSchema = true;
  }
}

/** What a session holds before it has done anything: nothing. One for all of them. */
export const NOTHING_HELD: Readonly<SessionState> = Object.freeze(new SessionState(false));

/**
 * The results of a CALL, or of several statements in one. Rows are not searched: there may be many.
 */
function partsOf(result: unknown): readonly unknown[] {
  if (!Array.isArray(result) || result.length === 0) return [result];
  const isRow = !Array.isArray(result[0]) && !isPacket(result[0]);
  return isRow ? [result] : result;
}
