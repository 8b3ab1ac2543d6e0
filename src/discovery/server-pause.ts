import { forgetAbort, whenAborted } from '../runtime/abort-audience.js';
import { Backoff } from '../runtime/backoff.js';
import type { Timer } from '../runtime/clock.js';
import type { DiscoveryContext } from './context.js';

/** First ceiling of the backoff: a restarted server is back within a few of these; milliseconds. */
const BACKOFF_BASE_MS = 50;

/** What `ask` returns when the agent went away before it had begun: it is run again. */
export const AGAIN: unique symbol = Symbol('again');

/**
 * What an error says of the server: how long it asked us to stay away, in milliseconds, 0 where it
 * gave no answer at all; undefined where this was an answer.
 */
export type AwayMs = (thrown: unknown) => number | undefined;

/**
 * Asks the server. `wasAway`: it was away before, so what was known may be outdated, and no request
 * should block on it. `goneAway()`: it went away since this was begun, for what has to wait before
 * it sends.
 */
export type Ask<T> = (wasAway: boolean, goneAway: () => boolean) => Promise<T | typeof AGAIN>;

/**
 * One backoff for all that ask one server, however many they are: two hundred watches that each
 * retry a dead server by themselves are a hundred connections a second.
 *
 * ## Closes
 * When a request gets no answer at all, or one that asks to stay away (`Retry-After`). Requests
 * that were under way at that moment fail with it and count once. An answer that says no is an
 * answer: the caller has its own backoff for that.
 *
 * ## Opens
 * After each wait one of those that want to ask may do so; the others wait for how it ends. When it
 * is answered, all go on.
 */
export class ServerPause {
  readonly #context: DiscoveryContext;
  readonly #backoff: Backoff;
  readonly #waiting = new Set<() => void>();
  #away: Error | undefined;
  #resumeAtMs = 0;
  #probing = false;
  /** How often it was closed: what began before the last time says nothing new. */
  #closings = 0;
  #timer: Timer | undefined;

  readonly #awayMs: AwayMs;

  constructor(context: DiscoveryContext, maxBackoffMs: number, awayMs: AwayMs) {
    this.#context = context;
    this.#awayMs = awayMs;
    this.#backoff = new Backoff(context.random, { baseMs: BACKOFF_BASE_MS, maxMs: maxBackoffMs });
  }

  /**
   * Runs `ask` as soon as the server may be asked; `waits` gets the reason where that is not now.
   * Rejects with the signal's reason, or with what `ask` throws.
   */
  async run<T>(signal: AbortSignal, waits: (reason: Error) => void, ask: Ask<T>): Promise<T> {
    for (;;) {
      if (this.#away !== undefined) waits(this.#away);
      const turn = await this.#enter(signal);
      const closings = this.#closings;
      try {
        const result = await ask(turn !== 'free', () => turn === 'free' && this.#away !== undefined);
        if (result === AGAIN) continue;
        if (!signal.aborted) this.#open();
        return result;
      } catch (thrown) {
        if (!signal.aborted) this.#judge(thrown, closings);
        throw thrown;
      } finally {
        if (turn === 'probe') {
          this.#probing = false;
          this.#wakeOne();
        }
      }
    }
  }

  /** Resolves when it is this one's turn. */
  async #enter(signal: AbortSignal): Promise<'free' | 'waited' | 'probe'> {
    if (this.#away === undefined) return 'free';
    while (this.#away !== undefined) {
      signal.throwIfAborted();
      if (!this.#probing && this.#context.clock.now() >= this.#resumeAtMs) {
        this.#probing = true;
        return 'probe';
      }
      await this.#wait(signal);
    }
    signal.throwIfAborted();
    return 'waited';
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const go = (): void => {
        this.#waiting.delete(go);
        if (this.#waiting.size === 0) this.#timer?.cancel();
        forgetAbort(signal, go);
        resolve();
      };
      this.#waiting.add(go);
      whenAborted(signal, go);
      this.#wakeOne();
    });
  }

  #judge(thrown: unknown, closings: number): void {
    const waitMs = this.#awayMs(thrown);
    if (waitMs === undefined) {
      this.#open();
    } else if (closings === this.#closings) {
      this.#closings++;
      this.#away = thrown as Error;
      this.#resumeAtMs = this.#context.clock.now() + waitMs + this.#backoff.next();
    }
  }

  #open(): void {
    this.#backoff.reset();
    this.#away = undefined;
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const go of [...this.#waiting]) go();
  }

  /** Sees to it that one of those who wait looks again when the wait is over. */
  #wakeOne(): void {
    if (this.#probing || this.#waiting.size === 0 || this.#away === undefined) return;
    this.#timer?.cancel();
    this.#timer = this.#context.clock.awaited(this.#resumeAtMs - this.#context.clock.now(), () => {
      for (const go of this.#waiting) {
        go();
        return;
      }
    });
  }
}
