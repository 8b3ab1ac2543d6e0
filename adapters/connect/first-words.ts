import { type ClientHttp2Session, constants } from 'node:http2';
import type { Clock } from '../../src/index.js';
import { unheardError } from './network-errors.js';

/** As long as the gRPC adapter waits by default; milliseconds. */
const SPEAKS_WITHIN_MS = 5_000;

/**
 * The server's first word on a connection without TLS, its settings (RFC 9113, 3.4): no call is
 * sent before it. A connection may be accepted by a proxy that has no server behind it, or by the
 * queue of one that is about to stop, and is then closed: of a call that was on it nobody could say
 * whether it happened. Under TLS the handshake is such a word. Costs the first call of a connection
 * one round trip; grpc-js waits as well.
 */
export class FirstWords {
  readonly #clock: Clock;
  /** Undefined: it has spoken. */
  readonly #words = new WeakMap<ClientHttp2Session, Promise<void> | undefined>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Undefined where there is nothing to wait for. Rejects with an error that is `isUnheard`. */
  of(session: ClientHttp2Session): Promise<void> | undefined {
    if (session.encrypted === true) return undefined;
    if (!this.#words.has(session)) this.#words.set(session, this.#await(session));
    return this.#words.get(session);
  }

  #await(session: ClientHttp2Session): Promise<void> {
    // connect-node lets a session without streams keep no process alive: a call waits for this one.
    session.ref();
    return new Promise((resolve, reject) => {
      let cause: unknown;
      const late = this.#clock.after(SPEAKS_WITHIN_MS, () => {
        cause = new Error(`The server did not speak within ${SPEAKS_WITHIN_MS} ms.`);
        session.destroy(undefined, constants.NGHTTP2_CANCEL);
      });
      session.once('remoteSettings', () => {
        late.cancel();
        this.#words.set(session, undefined);
        // Before the first stream makes it keep the process alive again.
        session.unref();
        resolve();
      });
      session.once('error', (error) => {
        cause = error;
      });
      session.once('close', () => {
        late.cancel();
        reject(unheardError(cause));
      });
    });
  }
}
