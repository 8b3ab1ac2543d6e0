import { runUntraced } from '../../../src/adapter.js';
import { type Clock, Outcome, type Timer } from '../../../src/index.js';
import type { Command, Redis } from '../driver/driver.js';

/** What it needs of the shard that it looks at. */
export interface ProbeHost {
  readonly clock: Clock;
  readonly connection: Redis;
  /** Between two looks; milliseconds. */
  readonly intervalMs: number;
  /** A shard that has not answered for this long is down; milliseconds. */
  readonly downAfterMs: number;
  /** No command of this library may be sent now. */
  readonly occupied: boolean;
  /** What to ask it by. */
  question(): Command;
  /** It answered, be it by an error. */
  answered(outcome: Outcome): void;
  /** It did not answer for `downAfterMs`. `ms` is how long it was, where it was asked at all. */
  silent(outcome: Outcome, ms?: number): void;
  /** The connection broke before it answered. */
  interrupted(): void;
}

/**
 * Looks at a shard again and again, on the connection that commands use: a server answers in order,
 * so an answer shows that all commands before it were answered too.
 */
export class Prober {
  readonly #host: ProbeHost;
  #timer: Timer | undefined;
  #unreadySinceMs: number;
  /** What was asked and not answered yet. */
  #ping: { sinceMs: number } | undefined;
  #closed = false;

  constructor(host: ProbeHost) {
    this.#host = host;
    this.#unreadySinceMs = host.clock.now();
    this.#watch();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  /** The connection was made, or broke: what was asked is not answered any more. */
  forget(): void {
    this.#ping = undefined;
  }

  /** The connection broke just now, and had been used until then. */
  disconnected(): void {
    this.#unreadySinceMs = this.#host.clock.now();
  }

  #watch(): void {
    if (this.#closed) return;
    const { clock, intervalMs } = this.#host;
    const dueMs = clock.now() + intervalMs;
    this.#timer = clock.after(intervalMs, () => {
      const nowMs = clock.now();
      // This process was busy, and answers lie unread: the time is not the server's.
      if (nowMs - dueMs > intervalMs) this.#forgive(nowMs - dueMs);
      this.#look(nowMs);
      this.#watch();
    });
  }

  /** Now, beside the looks that come anyway. */
  look(): void {
    if (!this.#closed) this.#look(this.#host.clock.now());
  }

  #forgive(ms: number): void {
    this.#unreadySinceMs += ms;
    if (this.#ping !== undefined) this.#ping.sinceMs += ms;
  }

  #look(nowMs: number): void {
    const { downAfterMs, connection } = this.#host;
    if (connection.status !== 'ready') {
      if (nowMs - this.#unreadySinceMs >= downAfterMs) this.#host.silent(Outcome.ConnectFailure);
    } else if (this.#ping === undefined) {
      if (!this.#host.occupied) this.#probe(nowMs);
    } else if (nowMs - this.#ping.sinceMs >= downAfterMs) {
      this.#host.silent(Outcome.Timeout, nowMs - this.#ping.sinceMs);
    }
  }

  #probe(nowMs: number): void {
    const ping = { sinceMs: nowMs };
    this.#ping = ping;
    const { connection } = this.#host;
    const command = this.#host.question();
    const over = (): void => {
      if (this.#ping === ping) this.#ping = undefined;
    };
    // An error is an answer too: NOAUTH and LOADING come from a server that lives.
    command.promise.then(
      () => {
        over();
        this.#host.answered(Outcome.Success);
      },
      (error: { name?: string }) => {
        if (error.name === 'ReplyError') {
          over();
          this.#host.answered(Outcome.ApplicationError);
        } else if (connection.status !== 'ready') {
          over();
          this.#host.interrupted();
        } else if (this.#ping === ping) {
          // Its deadline passed, which may be shorter than that of the shard; the next one comes
          // behind it.
          this.#again(ping.sinceMs);
        }
      },
    );
    runUntraced(() => connection.sendCommand(command));
  }

  #again(sinceMs: number): void {
    const { clock, downAfterMs } = this.#host;
    this.#ping = undefined;
    const ms = clock.now() - sinceMs;
    if (ms >= downAfterMs) this.#host.silent(Outcome.Timeout, ms);
    else if (!this.#closed) this.#probe(sinceMs);
  }
}
