import type { ClientHttp2Session, ClientHttp2Stream, Http2Session } from 'node:http2';
import { Http2SessionManager } from '@connectrpc/connect-node';
import type { Clock } from '../../src/index.js';
import { FirstWords } from './first-words.js';
import { StreamEnd } from './stream-end.js';

/** What is needed of connect-node's own, as it has been since its first version of this class. */
interface Ready {
  gotoReady?(): Promise<{ readonly conn?: ClientHttp2Session }>;
}

/**
 * The HTTP/2 sessions to one endpoint: connect-node's, which keeps one, and beside it those that
 * the server has said GOAWAY to, until their last stream has ended. Counts those that are gone, so
 * that the loss of one speaks once against the endpoint and not once for each call that was on it.
 */
export class Sessions extends Http2SessionManager {
  readonly #open = new Set<Http2Session>();
  readonly #firstWords: FirstWords;
  /** The last one on which the server has spoken. */
  #spoke: ClientHttp2Session | undefined;
  /** Whether connect-node may find by a ping that it needs another session. */
  readonly #pings: boolean;
  #gone = 0;
  /** As of when a loss was last reported. */
  #told = 0;

  constructor(clock: Clock, ...options: ConstructorParameters<typeof Http2SessionManager>) {
    super(...options);
    this.#firstWords = new FirstWords(clock);
    this.#pings = options[1]?.pingIntervalMs !== undefined;
  }

  /** Rejects with an error that is `isUnheard` where the server never spoke: nothing was sent. */
  override async request(...args: Parameters<Http2SessionManager['request']>): Promise<ClientHttp2Stream> {
    if (!this.#isOpen()) await this.#spoken();
    const stream = await super.request(...args);
    StreamEnd.opened(stream);
    if (stream.session !== undefined) this.#watch(stream.session);
    return stream;
  }

  /**
   * Until the session of now is one on which the server has spoken. Between its return and the
   * request nothing can come but another microtask.
   */
  async #spoken(): Promise<void> {
    for (;;) {
      const session = (await (this as unknown as Ready).gotoReady?.())?.conn;
      if (session === undefined) return;
      this.#watch(session);
      const word = this.#firstWords.of(session);
      if (word === undefined) {
        this.#spoke = session;
        return;
      }
      await word;
    }
  }

  /** Costs the calls of an open session nothing. */
  #isOpen(): boolean {
    return this.#spoke !== undefined && !this.#spoke.closed && !this.#spoke.destroyed && !this.#pings;
  }

  #watch(session: Http2Session): void {
    if (this.#open.has(session)) return;
    this.#forgetGone();
    this.#open.add(session);
    // connect-node stops listening when it is told to abort one that GOAWAY has ended in the same
    // turn: its error would be an uncaught exception. It hears of each before.
    session.on('error', () => {});
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
