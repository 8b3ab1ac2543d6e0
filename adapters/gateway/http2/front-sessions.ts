import type { Socket } from 'node:net';
import type { Timer } from '../../../src/index.js';
import { FrontSession, type FrontSessionHost } from './front-session.js';

/** How often they are looked at; milliseconds. */
const CHECK_MS = 1_000;

/** The connections of clients that speak HTTP/2. */
export class FrontSessions {
  readonly #host: FrontSessionHost;
  readonly #sessions = new Set<FrontSession>();
  #timer: Timer | undefined;

  constructor(host: Omit<FrontSessionHost, 'counts' | 'closed'>) {
    const counts = { floods: 0, resets: 0, stalled: 0 };
    this.#host = { ...host, counts, closed: (session) => this.#closed(session) };
  }

  /** A connection whose client speaks HTTP/2. */
  take(socket: Socket): void {
    this.#sessions.add(new FrontSession(socket, this.#host));
    if (this.#timer === undefined) this.#watch();
  }

  /** Says that they go; what is on its way is answered still. */
  announceEnd(): void {
    for (const session of this.#sessions) session.announceEnd();
  }

  /** They take no more requests, and close when those in progress have ended. */
  close(): void {
    for (const session of this.#sessions) session.close();
  }

  destroy(): void {
    for (const session of this.#sessions) session.destroy();
  }

  get figures(): Readonly<Record<string, number>> {
    const { floods, resets, stalled } = this.#host.counts;
    let streams = 0;
    for (const session of this.#sessions) streams += session.streams;
    return {
      'http2.sessions': this.#sessions.size,
      'http2.streams': streams,
      'http2.resets': resets,
      'http2.floods': floods,
      'http2.stalled': stalled,
    };
  }

  #closed(session: FrontSession): void {
    this.#sessions.delete(session);
    if (this.#sessions.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #watch(): void {
    const { clock, keepAliveTimeoutMs } = this.#host;
    this.#timer = clock.after(Math.min(CHECK_MS, keepAliveTimeoutMs), () => {
      for (const session of this.#sessions) session.check(clock.now());
      if (this.#sessions.size > 0) this.#watch();
      else this.#timer = undefined;
    });
  }
}
