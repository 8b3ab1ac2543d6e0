import type { Clock, Timer } from '../../runtime/clock.js';
import { Semaphore } from '../../runtime/semaphore.js';

/** Returns a slot. */
export type Release = () => void;

/**
 * How long a service that has its first list leaves the agent to those that wait for theirs;
 * milliseconds.
 */
const FIRSTS_FIRST_MS = 1_000;

/** Those that go on in one turn of the event loop. */
const AT_ONCE = 16;

/** The shortest pause there is; milliseconds. */
const TURN_MS = 1;

/**
 * Limits what we have open at the agent, which refuses an address its 201st connection
 * (`limits.http_max_conns_per_client`), registrations included. Blocking queries and quick reads
 * have slots of their own, so that neither waits for the other.
 */
export class QuerySlots {
  readonly #blocking: Semaphore;
  readonly #reading: Semaphore;
  /** How many read their first list, or wait for a slot to do so. */
  #firsts = 0;
  readonly #after: { readonly signal: AbortSignal; readonly go: () => void }[] = [];
  #clock: Clock | undefined;
  #timer: Timer | undefined;

  constructor(blocking: number, reading: number) {
    this.#blocking = new Semaphore(blocking);
    this.#reading = new Semaphore(reading);
  }

  /** A slot for a blocking query, or undefined when all are taken: then poll. */
  tryBlock(): Release | undefined {
    return this.#blocking.tryAcquire() ? () => this.#blocking.release() : undefined;
  }

  /** A slot for a quick read, in the order of asking. Rejects with the signal's reason. */
  async read(signal: AbortSignal): Promise<Release> {
    await this.#reading.acquire(signal);
    return () => this.#reading.release();
  }

  /**
   * As `read`, for the first list of a service, which programs wait for: others let it pass by
   * `afterFirstLists`.
   */
  async readFirst(signal: AbortSignal): Promise<Release> {
    this.#firsts++;
    try {
      await this.#reading.acquire(signal);
    } catch (reason) {
      this.#firstIsOver();
      throw reason;
    }
    return () => {
      this.#reading.release();
      this.#firstIsOver();
    };
  }

  /**
   * Resolves once no service reads its first list, or after a second: what a service asks next may
   * wait, and many that start at once are ready earlier. Undefined where none does. When the signal
   * aborts it resolves no earlier.
   */
  afterFirstLists(clock: Clock, signal: AbortSignal): Promise<void> | undefined {
    if (this.#firsts === 0) return undefined;
    if (this.#after.length === 0) {
      this.#clock = clock;
      this.#timer = clock.awaited(FIRSTS_FIRST_MS, () => this.#goOn());
    }
    return new Promise((go) => {
      this.#after.push({ signal, go });
    });
  }

  #firstIsOver(): void {
    this.#firsts--;
    if (this.#firsts === 0) this.#goOn();
  }

  /** Some at a time, as each sends a request, and with a turn of the event loop in between. */
  #goOn(): void {
    this.#timer?.cancel();
    for (let sent = 0; sent < AT_ONCE && this.#after.length > 0; ) {
      const { signal, go } = this.#after.shift()!;
      go();
      if (!signal.aborted) sent++;
    }
    if (this.#after.length > 0) this.#timer = this.#clock!.awaited(TURN_MS, () => this.#goOn());
  }
}
