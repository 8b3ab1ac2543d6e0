import type { Socket } from 'node:net';
import { judgeAfter } from '../../../src/adapter.js';
import { type Clock, type Endpoint, FairleadError, type Timer } from '../../../src/index.js';
import type { BackHttp2Settings } from '../common/back-http2.js';
import type { Upstream } from '../forward/upstreams.js';
import { BackSession, type BackSessionHost } from './back-session.js';
import { dial } from './dial.js';

/** Where no limit is said; more connections than this to one endpoint help nobody. */
const MAX_SESSIONS = 8;

type Ready = (error: Error | undefined, session: BackSession | undefined) => void;

/**
 * The connections of HTTP/2 to one endpoint. A request goes over the one with the fewest; another
 * one is made when all of them are full, up to `connections`, and beyond that requests wait their
 * turn.
 */
export class BackSessions implements BackSessionHost {
  readonly clock: Clock;
  readonly settings: BackHttp2Settings;
  readonly #endpoint: Endpoint;
  readonly #upstream: Upstream;
  readonly #max: number;
  /** Those that take requests, or will. */
  readonly #sessions = new Set<BackSession>();
  /** Those that take no more and have some in progress. */
  readonly #leaving = new Set<BackSession>();
  readonly #dialling = new Set<Socket>();
  readonly #waiting = new Set<Ready>();
  #connecting: Timer | undefined;
  #closed = false;

  constructor(endpoint: Endpoint, upstream: Upstream, settings: BackHttp2Settings, clock: Clock) {
    this.clock = clock;
    this.settings = settings;
    this.#endpoint = endpoint;
    this.#upstream = upstream;
    this.#max = upstream.connections ?? MAX_SESSIONS;
  }

  get size(): number {
    return this.#sessions.size;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Calls `ready` once, with a connection that has room now, or with why there is none. Returns
   * what gives the wait up.
   */
  take(ready: Ready): () => void {
    const session = this.#free();
    if (session !== undefined) {
      ready(undefined, session);
      return () => {};
    }
    if (this.#closed) ready(leftError(), undefined);
    else if (this.#waiting.size >= this.settings.maxWaiting) ready(this.#fullError(), undefined);
    else {
      this.#waiting.add(ready);
      this.#grow();
    }
    return () => void this.#waiting.delete(ready);
  }

  opened(session: BackSession): void {
    this.#connecting?.cancel();
    this.#serve(session);
  }

  freed(session: BackSession): void {
    this.#serve(session);
  }

  ended(session: BackSession, error: Error | undefined): void {
    this.#sessions.delete(session);
    this.#leaving.add(session);
    this.#lost(error);
  }

  closed(session: BackSession): void {
    this.#leaving.delete(session);
  }

  /** The endpoint left: what is in progress ends by itself. */
  close(): void {
    this.#closed = true;
    for (const socket of this.#dialling) socket.destroy();
    for (const session of [...this.#sessions]) session.close();
    this.#fail(leftError());
  }

  destroy(): void {
    for (const session of [...this.#sessions, ...this.#leaving]) session.destroy();
    this.close();
  }

  #free(): BackSession | undefined {
    let best: BackSession | undefined;
    for (const session of this.#sessions) {
      if (session.room > 0 && (best === undefined || session.active < best.active)) best = session;
    }
    return best;
  }

  /** One more at a time: how much a connection takes is known when it is open. */
  #grow(): void {
    if (this.#dialling.size > 0 || this.#sessions.size >= this.#max) return;
    for (const session of this.#sessions) if (session.connecting) return;
    const path = this.#upstream.socketPath?.(this.#endpoint);
    const { connectTimeoutMs } = this.#upstream;
    let session: BackSession | undefined;
    this.#connecting = judgeAfter(this.clock, connectTimeoutMs, () => {
      const late = Object.assign(new Error('connect timeout'), { code: 'UND_ERR_CONNECT_TIMEOUT' });
      if (session === undefined) socket.destroy(late);
      else if (session.connecting) session.destroy(late);
    });
    const socket = dial(this.#endpoint, path, this.#upstream, (error) => {
      this.#dialling.delete(socket);
      if (error !== undefined || this.#closed) {
        socket.on('error', () => {}).destroy();
        this.#lost(error);
        return;
      }
      session = new BackSession(socket, this);
      this.#sessions.add(session);
    });
    this.#dialling.add(socket);
  }

  #serve(session: BackSession): void {
    for (const ready of this.#waiting) {
      if (session.room <= 0) break;
      this.#waiting.delete(ready);
      ready(undefined, session);
    }
    if (this.#waiting.size > 0 && !this.#closed) this.#grow();
  }

  /** A connection is gone, or did not come to be. */
  #lost(error: Error | undefined): void {
    if (error !== undefined) this.#connecting?.cancel();
    if (this.#waiting.size === 0 || this.#closed) return;
    // With others left, who waits gets the next turn on one of them.
    if (error === undefined) this.#grow();
    else if (this.#sessions.size === 0) this.#fail(error);
  }

  #fail(error: Error): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const ready of waiting) ready(error, undefined);
  }

  #fullError(): FairleadError {
    const { id } = this.#endpoint.spec;
    const message = `As many requests as allowed (http2.maxWaiting) wait for the connections to endpoint '${id}'.`;
    return new FairleadError('FAIRLEAD_TOO_MANY_CALLS', message, { endpoint: id });
  }
}

/** As undici says it of a pool that is closed: nothing was sent. */
const leftError = (): Error => Object.assign(new Error('The endpoint left'), { code: 'UND_ERR_CLOSED' });
