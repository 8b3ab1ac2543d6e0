import type { Clock } from '../../../src/index.js';
import { askUntraced } from '../driver/ask-row.js';
import type { DriverConnection } from '../driver/driver.js';

/** Looks a second that a server has to answer, from all processes together: 2 % of one core. */
const LOOKS_PER_SECOND = 100;

/** A process looks at least once in so many of its own intervals, however many there are. */
const MOST_STRETCHED = 10;

/** How often it is counted; milliseconds. However many count, a server is asked twice a second. */
const COUNT_EVERY_MS = 10_000;
const COUNT_APART_MS = 500;

/**
 * Every account may use it, and hardly an application works in it: the mark of a connection that
 * looks.
 */
const MARK = 'USE information_schema';

/** An account sees its own connections without any privilege, with PROCESS those of all. */
const COUNT = `SELECT COUNT(*) AS looking FROM information_schema.processlist WHERE db = 'information_schema'`;

/** How many processes look at one server, so that together they do not look too often. */
export class Crowd {
  readonly #clock: Clock;
  #looking = 1;
  #nextCountMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * A new connection that looks. A server that knows no such database counts nobody: then all look
   * as they were told to.
   */
  join(connection: DriverConnection): void {
    askUntraced(connection, { sql: MARK }, () => {});
    this.#nextCountMs = Number.NEGATIVE_INFINITY;
  }

  /** Counts where it is time to; what it is refused is not asked for again soon. */
  count(connection: DriverConnection): void {
    const nowMs = this.#clock.now();
    if (nowMs < this.#nextCountMs) return;
    this.#nextCountMs = Number.POSITIVE_INFINITY;
    askUntraced(connection, { sql: COUNT }, (error, { looking }) => {
      this.#looking = error ? 1 : Math.max(1, Number(looking) || 1);
      this.#nextCountMs = nowMs + Math.max(COUNT_EVERY_MS, this.#looking * COUNT_APART_MS);
    });
  }

  /** A pause of one process, where `intervalMs` is the one it was told to make. Milliseconds. */
  stretched(pauseMs: number, intervalMs: number): number {
    const shareMs = (this.#looking * 1_000) / LOOKS_PER_SECOND;
    return Math.max(pauseMs, Math.min(shareMs, intervalMs * MOST_STRETCHED));
  }
}
