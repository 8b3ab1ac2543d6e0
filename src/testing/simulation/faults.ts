import type { Outcome } from '../../runtime/outcome.js';
import type { Distribution } from './distributions.js';

/**
 * When and where: `server` is an id or several, times are milliseconds of simulated time, `untilMs`
 * exclusive.
 */
interface Window {
  readonly server: string | readonly string[];
  readonly fromMs: number;
  /** Default: the end of the simulation and beyond. */
  readonly untilMs?: number;
}

/**
 * Calls that begin to be served in the window take this long instead, or this many times as long.
 */
export interface SlowFault extends Window {
  readonly kind: 'slow';
  readonly serviceTime?: Distribution;
  readonly factor?: number;
}

/**
 * The server stands still, as in a long garbage collection or behind a broken route: all its work
 * waits.
 */
export interface StallFault extends Window {
  readonly kind: 'stall';
}

/**
 * A share of the calls is answered by a failure, fast: the trap for policies that prefer fast
 * servers.
 */
export interface FailFault extends Window {
  readonly kind: 'fail';
  /** Default 1: all of them. */
  readonly ratio?: number;
  /** How long a failure takes. Default: 1 ms. */
  readonly after?: Distribution;
  /** Default `Outcome.Failure`. */
  readonly outcome?: Outcome;
}

/**
 * The process is gone: calls in progress fail at once, new ones are refused after 1 ms. Discovery
 * still lists it.
 */
export interface KillFault extends Window {
  readonly kind: 'kill';
}

/**
 * Discovery does not list it: from 0 for one that joins later, to the end for one that leaves. It
 * still serves.
 */
export interface UnlistFault extends Window {
  readonly kind: 'unlist';
}

/** Something that goes wrong for a time. Several may hold at once. */
export type Fault = SlowFault | StallFault | FailFault | KillFault | UnlistFault;

/** When it is over. */
export function endOf(fault: { readonly untilMs?: number }): number {
  return fault.untilMs ?? Number.POSITIVE_INFINITY;
}
