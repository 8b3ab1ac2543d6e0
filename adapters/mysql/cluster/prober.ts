import { runUntraced, withTimeout } from '../../../src/adapter.js';
import type { Clock, Timer } from '../../../src/index.js';
import { cutConnection, isOpen } from '../connections/physical.js';
import { type DriverConnection, openConnection } from '../driver/driver.js';
import { Crowd } from './crowd.js';
import { type Answer, type Probe, ProbeQuestion } from './probe.js';

/** Who wants to know what a server is: a pool, of one of its endpoints. */
export interface ProbeWatcher {
  /** Between two looks, milliseconds. */
  readonly intervalMs: number;
  connectOptions(): Promise<Record<string, unknown>> | Record<string, unknown>;
  /** True: it should be looked at again soon, because what was seen proves too little yet. */
  probed(probe: Probe): boolean;
  /** Its name may lead to another server by now: asked before each look. */
  mayHaveMoved?(): boolean;
  /** It could not be asked; called once per failed look. */
  failed(error: unknown): void;
}

/** What a watcher may ask of the prober that it shares. */
export interface ProbeWatch {
  /**
   * Between two looks now, milliseconds: more than was asked for where many processes look at this
   * server.
   */
  readonly everyMs: number;
  /** Looks now; while one look is under way, it is that one. Never rejects. */
  look(): Promise<void>;
  /** Looks within 50 ms, however many ask for it; a look that is under way has begun too early. */
  lookSoon(): void;
  /** The last one that leaves takes the connection with it. */
  close(): void;
}

export interface ProberHost {
  readonly clock: Clock;
  /** Nothing watches it any more. */
  unused(): void;
  /** For tests; default: mysql2. */
  open?(options: Record<string, unknown>): DriverConnection;
}

/**
 * Looks at one server again and again, on its own connection, so that a pool in trouble does not
 * hide what the server is. One round trip, and no privilege beyond logging in: system variables
 * report role and position; lag follows from the positions (see `Replication`). All pools of a mesh
 * that log in alike share it (see `Probers`), and it looks less often where many do (see `Crowd`).
 */
export class Prober {
  readonly #host: ProberHost;
  readonly #watchers = new Set<ProbeWatcher>();
  readonly #crowd: Crowd;
  readonly #question = new ProbeQuestion();
  #connection: DriverConnection | undefined;
  #connections = 0;
  /**
   * Counts the looks that were given up: one of them that still waits for its password must open
   * nothing any more.
   */
  #givenUp = 0;
  #timer: Timer | undefined;
  /** Clock time of the next look. */
  #dueMs = 0;
  /** Somebody needs a look that begins after the one under way. */
  #wanted = false;
  /** The pause after a look that proved too little; 0 after one that did not. Milliseconds. */
  #soonMs = 0;
  #closed = false;
  #looking: Promise<void> | undefined;

  constructor(host: ProberHost) {
    this.#host = host;
    this.#crowd = new Crowd(host.clock);
  }

  /** Looks at once: what it is was perhaps seen long ago, by another watcher. */
  watch(watcher: ProbeWatcher): ProbeWatch {
    this.#watchers.add(watcher);
    void this.#look();
    const everyMs = (): number => this.#everyMs;
    return {
      get everyMs() {
        return everyMs();
      },
      look: () => this.#look(),
      lookSoon: () => this.#lookSoon(),
      close: () => {
        this.#watchers.delete(watcher);
        if (this.#watchers.size === 0) this.#close();
      },
    };
  }

  /** What is asked for by the one in the greatest hurry. */
  get #intervalMs(): number {
    let least = Number.POSITIVE_INFINITY;
    for (const { intervalMs } of this.#watchers) least = Math.min(least, intervalMs);
    return least;
  }

  get #everyMs(): number {
    return this.#crowd.stretched(this.#intervalMs, this.#intervalMs);
  }

  #look(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#looking ??= runUntraced(() => this.#lookOnce()).finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  #lookSoon(): void {
    if (this.#closed) return;
    if (this.#looking !== undefined) this.#wanted = true;
    else this.#lookBy(this.#host.clock.now() + this.#wantedMs);
  }

  /** Within which a look follows that somebody needs. */
  get #wantedMs(): number {
    return this.#crowd.stretched(WANTED_WITHIN_MS, this.#intervalMs);
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#timer?.cancel();
    this.#drop();
    this.#host.unused();
  }

  async #lookOnce(): Promise<void> {
    this.#timer?.cancel();
    const { clock } = this.#host;
    const intervalMs = this.#intervalMs;
    const timeoutMs = Math.max(intervalMs, MIN_TIMEOUT_MS);
    const atMs = clock.now();
    const isRenewed = this.#renew();
    const connectionsBefore = this.#connections;
    let pauseMs = intervalMs;
    try {
      const row = await withTimeout(clock, timeoutMs, this.#ask(), () => noAnswer(timeoutMs));
      const reconnected = !isRenewed && connectionsBefore > 0 && this.#connections > connectionsBefore;
      pauseMs = this.#told({ ...row, reconnected, atMs });
    } catch (error) {
      this.#drop();
      this.#soonMs = 0;
      for (const watcher of this.#watchers) watcher.failed(error);
    }
    if (this.#closed) return;
    this.#dueMs = Number.POSITIVE_INFINITY;
    this.#lookBy(atMs + (this.#wanted ? Math.min(pauseMs, this.#wantedMs) : pauseMs));
    this.#wanted = false;
  }

  /** Returns the pause until the next look, milliseconds. */
  #told(probe: Probe): number {
    let soon = false;
    for (const watcher of this.#watchers) if (watcher.probed(probe)) soon = true;
    const intervalMs = this.#intervalMs;
    this.#soonMs = soon ? Math.max(FIRST_SOON_MS, this.#soonMs * 2) : 0;
    if (this.#connection !== undefined) this.#crowd.count(this.#connection);
    return this.#crowd.stretched(soon ? Math.min(this.#soonMs, intervalMs) : intervalMs, intervalMs);
  }

  /**
   * A connection stays where its name led when it was made: leaves it where that may be another
   * server now. True where there was one that worked.
   */
  #renew(): boolean {
    if (this.#connection === undefined || !isOpen(this.#connection)) return false;
    for (const watcher of this.#watchers) {
      if (watcher.mayHaveMoved?.() !== true) continue;
      this.#drop();
      return true;
    }
    return false;
  }

  #lookBy(dueMs: number): void {
    if (this.#dueMs <= dueMs) return;
    const { clock } = this.#host;
    this.#timer?.cancel();
    this.#dueMs = dueMs;
    this.#timer = clock.after(Math.max(0, dueMs - clock.now()), () => void this.#look());
  }

  async #ask(): Promise<Answer> {
    return this.#question.ask(await this.#connected());
  }

  async #connected(): Promise<DriverConnection> {
    if (this.#connection !== undefined && isOpen(this.#connection)) return this.#connection;
    const givenUpBefore = this.#givenUp;
    const [watcher] = this.#watchers;
    const options = await watcher?.connectOptions();
    if (options === undefined || this.#givenUp !== givenUpBefore) throw new Error('The look was given up.');
    return new Promise((resolve, reject) => {
      const connection = (this.#host.open ?? openConnection)({ ...options, ...PREPARES_NOTHING }, this.#host.clock);
      this.#connection = connection;
      this.#connections++;
      // Stays: an error while it is idle is noticed at the next look.
      connection.on('error', reject);
      connection.once('connect', () => {
        this.#crowd.join(connection);
        resolve(connection);
      });
    });
  }

  #drop(): void {
    this.#givenUp++;
    if (this.#connection !== undefined) cutConnection(this.#connection);
    this.#connection = undefined;
  }
}

/** By default mysql2 makes room for 16,000 prepared statements on each connection: 512 kB. */
const PREPARES_NOTHING = { maxPreparedStatements: 1 };

/** A server that needs longer to answer a probe is not one to send statements to. */
const MIN_TIMEOUT_MS = 1_000;

/** Twenty looks a second at most: each costs its server 0.2 ms. */
const WANTED_WITHIN_MS = 50;

/**
 * A replica in step has what the primary had 20 ms ago; one that has not is asked after 40, 80, …
 * ms.
 */
const FIRST_SOON_MS = 20;

function noAnswer(timeoutMs: number): Error {
  return Object.assign(new Error(`No answer to a probe within ${timeoutMs} ms.`), { code: 'ETIMEDOUT' });
}
