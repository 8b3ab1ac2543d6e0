import { AsyncLocalStorage } from 'node:async_hooks';
import type { Endpoint } from '../../src/index.js';
import { GtidToken } from './gtid.js';

/**
 * What a session has written and where it reads, so that it never sees the past: its writes by their positions, and the
 * replica it read last, because another one may not be as far yet.
 */
export class ConsistencySession {
  readonly token: GtidToken = new GtidToken();
  /** The replica that serves this session while it can. Undefined for sessions that span a whole pool. */
  replica: Endpoint | undefined;
  /**
   * A write whose position the server did not tell (it ended in rows): the clock's time after it. Until a probe of the
   * primary began later than that, only the primary is sure to have it.
   */
  untoldWriteAtMs: number = Number.NEGATIVE_INFINITY;
  /** Whether `replica` is kept: a session of its own reads monotonically, a whole pool would read from one replica only. */
  readonly sticky: boolean;

  constructor(sticky: boolean, exported?: string) {
    this.sticky = sticky;
    if (exported !== undefined) this.token.add(exported);
  }
}

/** The session of the current async context. */
export const currentSession: AsyncLocalStorage<ConsistencySession> = new AsyncLocalStorage();
