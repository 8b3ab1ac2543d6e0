import { runUntraced } from '../../../src/adapter.js';
import { type Clock, Outcome } from '../../../src/index.js';
import { type Command, inflightOn, type Redis, receivedOn, unansweredSinceMs } from '../driver/driver.js';
import type { Looked, Looks } from './looks.js';

/** What it needs of the shard that it looks at. */
export interface ProbeHost {
  readonly clock: Clock;
  readonly looks: Looks;
  readonly connection: Redis;
  /** Between two looks; milliseconds. */
  readonly intervalMs: number;
  /** A shard that has not answered for this long is down; milliseconds. */
  readonly downAfterMs: number;
  /** No command of this library may be sent now. */
  readonly occupied: boolean;
  /** It is in use, and may be left alone for an interval after it has answered. */
  readonly calm: boolean;
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
 *
 * One that is calm is asked in every second interval: it has answered within the one between. But
 * where commands wait, and nothing at all has come from it since the last look, it is taken for
 * silent from when the first of them was sent: no caller waits longer for that than if it had been
 * asked in every one.
 */
export class Prober implements Looked {
  readonly #host: ProbeHost;
  #unreadySinceMs: number;
  /** What was asked and not answered yet. */
  #ping: { sinceMs: number } | undefined;
  #closed = false;
  #lookedMs: number;
  /** Bytes that had come from it by the last look, and the answer to what that asked. */
  #received = 0;
  /** The process was busy since the last look: what lies unread is unknown. */
  #forgiven = false;

  constructor(host: ProbeHost) {
    this.#host = host;
    this.#unreadySinceMs = host.clock.now();
    this.#lookedMs = this.#unreadySinceMs;
  }

  /** The shard begins to connect: from now on it is looked at. */
  begin(): void {
    this.disconnected();
    this.#lookedMs = this.#unreadySinceMs;
    this.#host.looks.add(this);
  }

  close(): void {
    this.#closed = true;
    this.#host.looks.delete(this);
  }

  /** The connection was made, or broke: what was asked is not answered any more. */
  forget(): void {
    this.#ping = undefined;
  }

  /** The connection broke just now, and had been used until then. */
  disconnected(): void {
    this.#unreadySinceMs = this.#host.clock.now();
  }

  /** Now, beside the looks that come anyway. */
  lookNow(): void {
    if (!this.#closed) this.look(this.#host.clock.now());
  }

  forgive(ms: number): void {
    this.#forgiven = true;
    this.#unreadySinceMs += ms;
    if (this.#ping !== undefined) this.#ping.sinceMs += ms;
  }

  look(nowMs: number): number {
    const { downAfterMs, connection, intervalMs } = this.#host;
    if (connection.status !== 'ready') {
      if (nowMs - this.#unreadySinceMs >= downAfterMs) this.#host.silent(Outcome.ConnectFailure);
    } else if (this.#ping === undefined) {
      if (!this.#host.occupied) this.#probe(this.#silentSinceMs(nowMs));
    } else if (nowMs - this.#ping.sinceMs >= downAfterMs) {
      this.#host.silent(Outcome.Timeout, nowMs - this.#ping.sinceMs);
    }
    this.#lookedMs = nowMs;
    this.#received = receivedOn(connection);
    this.#forgiven = false;
    return this.#nextMs(nowMs + intervalMs);
  }

  /** When to look again, if `soonMs` is one interval from now. */
  #nextMs(soonMs: number): number {
    const { calm, connection, downAfterMs, intervalMs, occupied } = this.#host;
    if (!calm || occupied || connection.status !== 'ready') return soonMs;
    const restMs = soonMs + intervalMs;
    // It may be known to be down before it has rested.
    return this.#ping === undefined ? restMs : Math.min(restMs, Math.max(soonMs, this.#ping.sinceMs + downAfterMs));
  }

  /** Since when it has been silent for certain: now, where it owes nothing. */
  #silentSinceMs(nowMs: number): number {
    const { connection } = this.#host;
    if (this.#forgiven || inflightOn(connection) === 0 || receivedOn(connection) !== this.#received) return nowMs;
    return Math.max(this.#lookedMs, unansweredSinceMs(connection) ?? nowMs);
  }

  #probe(sinceMs: number): void {
    const ping = { sinceMs };
    this.#ping = ping;
    const { connection } = this.#host;
    const command = this.#host.question();
    const over = (): void => {
      if (this.#ping !== ping) return;
      this.#ping = undefined;
      this.#received = receivedOn(connection);
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
