import type { ClientHttp2Stream, Http2Session } from 'node:http2';
import { Http2SessionManager } from '@connectrpc/connect-node';
import { StreamEnd } from './stream-end.js';

/**
 * The HTTP/2 sessions to one endpoint: connect-node's, which keeps one, and beside it those that
 * the server has said GOAWAY to, until their last stream has ended. Counts those that are gone, so
 * that the loss of one speaks once against the endpoint and not once for each call that was on it.
 */
export class Sessions extends Http2SessionManager {
  readonly #open = new Set<Http2Session>();
  readonly #heard = new WeakSet<Http2Session>();
  #latest: Http2Session | undefined;
  #gone = 0;
  /** As of when a loss was last reported. */
  #told = 0;

  override async request(...args: Parameters<Http2SessionManager['request']>): Promise<ClientHttp2Stream> {
    const stream = await super.request(...args);
    StreamEnd.opened(stream);
    const { session } = stream;
    if (session !== undefined && !this.#open.has(session)) {
      this.#forgetGone();
      this.#open.add(session);
      this.#latest = session.encrypted ? undefined : session;
      session.once('remoteSettings', () => this.#heard.add(session));
      // connect-node stops listening when it is told to abort one that GOAWAY has ended in the same
      // turn: its error would be an uncaught exception. It hears of each before.
      session.on('error', () => {});
    }
    return stream;
  }

  /**
   * Whether the latest one, without TLS, ended before the server's first word of HTTP/2, which are
   * its settings (RFC 9113, 3.4).
   */
  get unheard(): boolean {
    return this.#latest?.destroyed === true && !this.#heard.has(this.#latest);
  }

  /** Sessions that have ended so far, in any way. */
  get gone(): number {
    this.#forgetGone();
    return this.#gone;
  }

  /**
   * The network failed a call that began when `goneBefore` sessions were gone: whether that is
   * news. It is not where a session has ended since, and another call reported it.
   */
  isNews(goneBefore: number): boolean {
    const { gone } = this;
    if (gone === goneBefore) return true;
    if (this.#told === gone) return false;
    this.#told = gone;
    return true;
  }

  #forgetGone(): void {
    for (const session of this.#open) {
      if (!session.destroyed) continue;
      this.#open.delete(session);
      this.#gone++;
    }
  }
}
