import { outcomeName, type TracedAttempt } from '../../src/adapter.js';
import { type Endpoint, type Lease, Outcome, type Timer } from '../../src/index.js';
import type { AttemptHost } from './attempt-host.js';

/** How an attempt that runs within `service.call()` ends for it. */
export interface Settle {
  resolve(outcome: Outcome): void;
  reject(error: unknown): void;
}

/** Nothing follows these headers, whatever length they tell of (RFC 9110, 8.6). */
const BODILESS: ReadonlySet<number> = new Set([204, 304]);

/**
 * One attempt of an exchange, on one endpoint. Its two kinds hear undici in the words of the
 * caller's handler, so that neither undici nor this has to translate.
 *
 * ## Lease
 * From the pick to the end of the body, of the attempt, or of the upgraded socket. A response that
 * nothing reads ends it after `unreadBodyMs`; the connection stays with its reader.
 */
export abstract class Attempt {
  /** The head was about to be written: it may have been executed. */
  sent = false;
  status = 0;
  /** Of the body of the response, so far. */
  protected received = 0;
  /** For its exchange: `lost` while it goes on beside the one that was answered first. */
  stage: 'live' | 'lost' | 'over' = 'live';
  readonly endpoint: Endpoint;
  /** Undefined where it is not traced, or `service.call()` does so. */
  traced: TracedAttempt | undefined = undefined;
  protected readonly exchange: AttemptHost<Attempt>;
  #lease: Lease | undefined;
  readonly #settle: Settle | undefined;
  #finished = false;
  #unread: Timer | undefined;

  constructor(
    exchange: AttemptHost<Attempt>,
    endpoint: Endpoint,
    lease: Lease | undefined,
    settle: Settle | undefined,
  ) {
    this.exchange = exchange;
    this.endpoint = endpoint;
    this.#lease = lease;
    this.#settle = settle;
  }

  get finished(): boolean {
    return this.#finished;
  }

  /** Ends it at undici, which then reports an error that nothing hears any more. */
  abstract abort(reason: unknown): void;

  /** A header of the response, by its name in lower case, while that is being accepted. */
  abstract header(name: string): string | undefined;

  /** Nothing that undici says of it counts from here on. */
  end(outcome: Outcome, error?: unknown): void {
    this.#finished = true;
    const { figures } = this.exchange;
    if (figures !== undefined) figures.bytes(this.endpoint, this.sent ? this.exchange.bodyBytes : 0, this.received);
    this.traced?.end(outcomeName(outcome), this.status || undefined);
    this.#read();
    this.#lease?.done(outcome);
    this.#lease = undefined;
    if (error === undefined) this.#settle?.resolve(outcome);
    else this.#settle?.reject(error);
  }

  /** Whether the response is over with its headers. */
  protected isBodiless(): boolean {
    return BODILESS.has(this.status);
  }

  /** The reader wants no more for now. */
  protected paused(): void {
    this.#unread ??= this.exchange.after(() => {
      this.#unread = undefined;
      this.#lease?.done(this.exchange.outcomeOf(this.status));
      this.#lease = undefined;
    });
  }

  #read(): void {
    this.#unread?.cancel();
    this.#unread = undefined;
  }

  protected resumed(): void {
    this.#read();
  }

  protected upgraded(socket: { once(event: 'close', listener: () => void): unknown }): void {
    this.exchange.commit(this);
    socket.once('close', () => this.end(Outcome.Success));
  }
}
