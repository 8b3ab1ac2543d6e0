import type { Endpoint } from '../endpoint/endpoint.js';
import type { Evidence, Grounds } from './health.js';

export interface EjectionEvent {
  readonly endpoint: Endpoint;
  /** The name of the signal that asked for it. */
  readonly signal: string;
  readonly forMs: number;
  /** The numbers that led to it, as the signal names them. */
  readonly evidence: Evidence;
  /**
   * What it rests on: failing (or slow) answers, or calls without an answer. Each has a cap of its
   * own.
   */
  readonly grounds: Grounds;
  /** Whether it was carried out. */
  readonly enforced: boolean;
  /** Why not: too many are out already (`cap`), or the signal's `enforcementRatio`. */
  readonly refusedBy: 'cap' | 'enforcement' | undefined;
}

/** An ejection that is going on, for displays. */
export interface EjectionTerm {
  /** The name of the signal that asked for it. */
  readonly signal: string;
  readonly grounds: Grounds;
  /** When it began, by the mesh's clock; milliseconds. */
  readonly sinceMs: number;
  /** When its time is over; what is probing is beyond it. */
  readonly untilMs: number;
}
