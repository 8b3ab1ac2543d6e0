import type { Statement } from '../statement/classify.js';
import { AUTOCOMMIT, gtidsOf, IN_TRANSACTION, isPacket, type OkPacket } from './ok-packet.js';
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
  #wroteInTransaction = false;
  readonly #keepsInsertId: boolean;

  constructor(keepsInsertId: boolean) {
    this.#keepsInsertId = keepsInsertId;
  }

  /** Whether going on elsewhere would lose something. */
  get mustStay(): boolean {
    return this.inTransaction || this.hasState;
  }

  /** The connection is given back. */
  clear(): void {
    this.inTransaction = this.hasState = this.hasInsertId = this.hasOtherSchema = this.#wroteInTransaction = false;
  }

  /**
   * A statement succeeded: takes from its answer what it says about the connection, and the
   * position of a write.
   */
  succeeded({ route, effect }: Statement, result: unknown, session: ConsistencySession, nowMs: () => number): void {
    if (effect === 'begin' || effect === 'begin_read_only') this.inTransaction = true;
    else if (effect === 'end') this.inTransaction = false;
    else if (effect === 'session') this.hasState = true;
    let told = false;
    // Something may have been written after what was told, or without anything being told.
    let untold = false;
    for (const part of effect === 'session' ? partsOf(result) : [result]) {
      if (!isPacket(part)) {
        // Rows, as RETURNING and functions that write give: nothing tells whether and where it
        // wrote.
        untold ||= Array.isArray(part) && route === 'primary';
        continue;
      }
      this.#learn(part);
      const gtids = gtidsOf(part);
      for (const gtid of gtids) session.token.add(gtid);
      if (gtids.length > 0) {
        told = true;
        untold = false;
      } else if (part.affectedRows > 0) untold = true;
    }
    if (this.inTransaction) {
      this.#wroteInTransaction ||= untold;
      return;
    }
    if (this.#wroteInTransaction && !told) untold = true;
    this.#wroteInTransaction = false;
    if (told) session.toldWriteAtMs = nowMs();
    if (untold) session.untoldWriteAtMs = nowMs();
  }

  #learn({ serverStatus, insertId, stateChanges }: OkPacket): void {
    this.inTransaction = (serverStatus & IN_TRANSACTION) !== 0;
    if ((serverStatus & AUTOCOMMIT) === 0) this.hasState = true;
    if (insertId && this.#keepsInsertId) this.hasInsertId = true;
    if (stateChanges?.schema) this.hasOtherSchema = true;
  }
}

/**
 * The results of a CALL, or of several statements in one. Rows are not searched: there may be many.
 */
function partsOf(result: unknown): readonly unknown[] {
  if (!Array.isArray(result) || result.length === 0) return [result];
  const isRow = !Array.isArray(result[0]) && !isPacket(result[0]);
  return isRow ? [result] : result;
}
