import { AsyncLocalStorage } from 'node:async_hooks';
import { optionReaders } from '../../../src/adapter.js';
import type { Endpoint } from '../../../src/index.js';
import { GtidToken } from '../cluster/gtid.js';
import type { Consistency, RouteChoice } from '../common/options.js';

/**
 * What a session has written and where it reads, so that it never sees the past: its writes by
 * their positions, and the replica it read last, because another one may not be as far yet.
 */
export class ConsistencySession {
  token: GtidToken = new GtidToken();
  /**
   * The replica that serves this session while it can. Undefined for sessions that span a whole
   * pool.
   */
  replica: Endpoint | undefined;
  /** The server that `replica` led to then; undefined where that was not known. */
  replicaBy: string | undefined;
  /** The clock's time after the latest read from `replica`. */
  readAtMs: number = Number.NEGATIVE_INFINITY;
  /**
   * Time of the latest write whose GTID is unknown (it returned rows).
   * Until a probe of the primary began later than that, only the primary is sure to have it.
   */
  untoldWriteAtMs: number = Number.NEGATIVE_INFINITY;
  /** The clock's time after the latest write whose position is in the token. */
  toldWriteAtMs: number;
  /**
   * Whether `replica` is kept: a session of its own reads monotonically, a whole pool would read
   * from one replica only.
   */
  readonly sticky: boolean;

  constructor(sticky: boolean, nowMs: number) {
    this.sticky = sticky;
    this.toldWriteAtMs = nowMs;
  }
}

/** What holds for the statements of an async context. */
export interface Scope {
  readonly session?: ConsistencySession | undefined;
  readonly consistency?: Consistency | undefined;
  readonly route?: RouteChoice | undefined;
}

/** The scope of the current async context, one for all pools: a session spans what it touches. */
export const currentScope: AsyncLocalStorage<Scope> = new AsyncLocalStorage();

/** Runs `run` with `change` on top of what holds already; `name` is what its caller called. */
export function withScope<T>(name: string, change: Scope, run: () => T): T {
  if (typeof run !== 'function') throw optionReaders.invalidOption(name, run, 'a function to run');
  return currentScope.run({ ...currentScope.getStore(), ...change }, run);
}
