import type { Clock, Timer } from '../runtime/clock.js';
import { toError } from '../runtime/errors.js';

/** A binding that the shared store has not confirmed yet. */
export interface Unwritten {
  endpointId: string;
  /** What the store was last known to have, and the binding is to replace. */
  replaces: string | undefined;
  /**
   * Earlier endpoints of the session that the store was asked to bind without saying whether it
   * did: where it turns out to have one of these, that was this process as well, and is replaced.
   */
  readonly sent: string[];
  /** Writes in a row that did not bind it. */
  attempts: number;
}

/** Writes in progress at once. */
const CONCURRENT_WRITES = 16;

/**
 * After a failure the store is left alone for this long: calls must not each wait for a dead store.
 */
const PAUSE_MS = 1_000;

/** Writes of one binding in a row; after that it waits until its session is next seen. */
const MAX_ATTEMPTS = 3;

/** Endpoints remembered to have been sent for one session. */
const MAX_SENT = 4;

export interface SessionWriterHost {
  readonly clock: Clock;
  /** Bindings that wait to be written, at most. */
  readonly maxPending: number;
  /** One atomic write; resolves to the id that the store has now. */
  bind(key: string, endpointId: string, replaces: string | undefined): Promise<string>;
  /**
   * The store has this endpoint for the session now: the one that was written, or that of a process
   * that was first.
   */
  bound(key: string, written: Unwritten, endpointId: string): void;
  failed(error: Error): void;
}

/**
 * Writes bindings behind, in order for each session, from a bounded queue. One that is dropped
 * because the queue is full, or that fails too often, stays `Unwritten` in the table: its session
 * writes it when it is next seen.
 */
export class SessionWriter {
  readonly #host: SessionWriterHost;
  readonly #queue = new Map<string, Unwritten>();
  /** What is being written of each session. */
  readonly #writing = new Map<string, Unwritten>();
  #pausedUntilMs = Number.NEGATIVE_INFINITY;
  #resume: Timer | undefined;
  /** Set while the service closes: called once the last write is done. */
  #flushed: (() => void) | undefined;
  #closed = false;

  constructor(host: SessionWriterHost) {
    this.#host = host;
  }

  /** Whether the store is left alone because it failed. */
  get paused(): boolean {
    return this.#host.clock.now() < this.#pausedUntilMs;
  }

  /** Whether a binding of this session waits or is being written. */
  busy(key: string): boolean {
    return this.#queue.has(key) || this.#writing.has(key);
  }

  write(key: string, unwritten: Unwritten): void {
    if (!this.#queue.has(key) && this.#queue.size >= this.#host.maxPending && this.#flushed === undefined) {
      for (const oldest of this.#queue.keys()) {
        this.#queue.delete(oldest);
        break;
      }
    }
    this.#queue.set(key, unwritten);
    this.#drain();
  }

  forget(key: string): void {
    this.#queue.delete(key);
  }

  /** The store failed to answer something: it is left alone for a while. */
  fail(thrown: unknown): void {
    if (this.#closed) return;
    this.#pausedUntilMs = this.#host.clock.now() + PAUSE_MS;
    this.#host.failed(toError(thrown));
    // Who closes does not wait for a store that is down.
    if (this.#flushed !== undefined) this.#queue.clear();
  }

  /**
   * Writes all that waits and these, without pause. Resolves when that is done, or a write has
   * failed.
   */
  flush(unwritten: Iterable<readonly [string, Unwritten]>): Promise<void> {
    this.#resume?.cancel();
    this.#resume = undefined;
    this.#pausedUntilMs = Number.NEGATIVE_INFINITY;
    for (const [key, each] of unwritten) {
      if (this.#writing.get(key) !== each) this.#queue.set(key, each);
      // What is on its way follows its own answer, as if it were the first.
      else each.attempts = 0;
    }
    return new Promise((resolve) => {
      this.#flushed = resolve;
      this.#drain();
    });
  }

  close(): void {
    this.#closed = true;
    this.#resume?.cancel();
    this.#queue.clear();
  }

  #drain(): void {
    if (this.paused && this.#flushed === undefined) {
      this.#resume ??= this.#host.clock.after(this.#pausedUntilMs - this.#host.clock.now(), () => {
        this.#resume = undefined;
        this.#drain();
      });
      return;
    }
    for (const [key, unwritten] of this.#queue) {
      if (this.#writing.size >= CONCURRENT_WRITES) return;
      // One after the other for one session, or the older might win.
      if (this.#writing.has(key)) continue;
      this.#queue.delete(key);
      this.#writing.set(key, unwritten);
      void this.#send(key, unwritten);
    }
    if (this.#writing.size === 0) this.#flushed?.();
  }

  async #send(key: string, unwritten: Unwritten): Promise<void> {
    const { endpointId: sent, replaces } = unwritten;
    unwritten.attempts++;
    try {
      const bound = await this.#host.bind(key, sent, replaces);
      if (!this.#closed) this.#answered(key, unwritten, sent, bound);
    } catch (thrown) {
      // It may have been written all the same.
      remember(unwritten.sent, sent);
      this.fail(thrown);
      if (this.#flushed === undefined) this.#again(key, unwritten);
    } finally {
      this.#writing.delete(key);
      if (!this.#closed) this.#drain();
    }
  }

  #answered(key: string, unwritten: Unwritten, sent: string, bound: string): void {
    const older = bound === sent || unwritten.sent.includes(bound);
    if (bound === unwritten.endpointId || !older) {
      this.#host.bound(key, unwritten, bound);
      return;
    }
    // The session has moved on since, or a write that was given up has arrived: replaced, as its
    // own.
    unwritten.replaces = bound;
    this.#again(key, unwritten);
  }

  /** Behind the others, where the queue has room: a newer binding is not dropped for it. */
  #again(key: string, unwritten: Unwritten): void {
    if (this.#closed || unwritten.attempts >= MAX_ATTEMPTS || this.#queue.has(key)) return;
    if (this.#queue.size < this.#host.maxPending || this.#flushed !== undefined) this.#queue.set(key, unwritten);
  }
}

function remember(sent: string[], id: string): void {
  if (sent.includes(id)) return;
  if (sent.length === MAX_SENT) sent.shift();
  sent.push(id);
}
