import type { OperationSeries } from '../../../src/adapter.js';
import { type Clock, Outcome } from '../../../src/index.js';

interface NamedCommand {
  readonly name: string;
}

/** What commands came to is reported here, while it is on. Allocates nothing. */
export interface CommandCounter {
  readonly on: boolean;
  /** Where those of its name are counted that are answered; undefined where it is not counted. */
  seriesOf(command: NamedCommand): OperationSeries | undefined;
  /** Where those are that are answered by an error, or by none. */
  failed(name: string, status: string): OperationSeries;
  /** `micros` is -1 where it was not answered. */
  record(outcome: Outcome, micros: number): void;
}

const UNANSWERED = -1;
const MICROS_PER_MS = 1_000;
/** 35 minutes: what is longer counts as that. */
const MAX_MICROS = 2 ** 31 - 1;
const FIRST_SIZE = 64;

/**
 * How long the commands of a connection take, from where they are written to where their answers
 * are read. A connection answers in order, so it is enough to know when each was sent: what is no
 * longer among the unanswered was answered by the chunk that has just been read, by one look at
 * the clock for all of them; when one was sent its deadline has seen already. Without deadlines,
 * commands of one tick, which leave in one write, were sent by one look. A look is 16 bytes, as V8
 * boxes what it returns, and nothing else is allocated: the times are in a ring, whose length is a
 * power of two and grows with the commands on the way.
 */
export class CommandTimes {
  readonly #clock: Clock;
  readonly #counter: CommandCounter;
  /** Commands that the connection has not answered: these, and perhaps older ones. */
  readonly #unanswered: () => number;
  #sentMs = new Float64Array(FIRST_SIZE);
  /** Undefined for those that are not counted, or no longer. */
  #series: (OperationSeries | undefined)[] = new Array(FIRST_SIZE).fill(undefined);
  #head = 0;
  #size = 0;
  /** When what is written now is sent: by deadlines, or by itself, `#joined` while it is so. */
  readonly #nowMs: Float64Array;
  readonly #looks: boolean;
  #joining = false;
  #joined = false;

  /** `sentMs`: of deadlines, which have looked before `sent` is called. */
  constructor(clock: Clock, counter: CommandCounter, unanswered: () => number, sentMs?: Float64Array | undefined) {
    this.#clock = clock;
    this.#counter = counter;
    this.#unanswered = unanswered;
    this.#nowMs = sentMs ?? new Float64Array(1);
    this.#looks = sentMs === undefined;
  }

  /** What is written from now on leaves in one write, or no longer. */
  readonly joins = (joining: boolean): void => {
    this.#joining = joining;
    this.#joined = false;
  };

  /** A command was written; undefined for one of the handshake. Hot path. */
  sent(command: NamedCommand | undefined): void {
    if (!this.#counter.on) {
      // Those that it knows would no longer be the latest.
      this.#size = 0;
      return;
    }
    if (this.#size === this.#sentMs.length) this.#grow();
    const at = (this.#head + this.#size++) & (this.#sentMs.length - 1);
    const series = command === undefined ? undefined : this.#counter.seriesOf(command);
    this.#series[at] = series;
    if (this.#looks && !this.#joined) {
      this.#nowMs[0] = this.#clock.now();
      this.#joined = this.#joining;
    }
    this.#sentMs[at] = this.#nowMs[0]!;
  }

  /** A chunk was read. Hot path. */
  answered(): void {
    if (this.#size > this.#unanswered()) this.#drain(undefined);
  }

  /** One was read that is an error: its message begins with what it is. */
  refused(message: string): void {
    if (this.#size > this.#unanswered()) this.#drain(/^[A-Z]+/.exec(message)?.[0] ?? 'ERR');
  }

  /** The oldest that is on its way was given up: its answer, if there will be one, is none. */
  late(): void {
    const mask = this.#sentMs.length - 1;
    for (let i = 0; i < this.#size; i++) {
      const at = (this.#head + i) & mask;
      const series = this.#series[at];
      if (series === undefined) continue;
      this.#series[at] = undefined;
      const micros = Math.min((this.#clock.now() - this.#sentMs[at]!) * MICROS_PER_MS, MAX_MICROS) | 0;
      this.#counter.record(Outcome.Timeout, micros);
      this.#counter.failed(series.operation, 'timeout').add(micros);
      return;
    }
  }

  /** The connection broke: none of those on their way is answered. */
  broke(): void {
    const mask = this.#sentMs.length - 1;
    for (; this.#size > 0; this.#size--) {
      if (this.#series[this.#head] !== undefined) this.#counter.record(Outcome.Failure, UNANSWERED);
      this.#series[this.#head] = undefined;
      this.#head = (this.#head + 1) & mask;
    }
  }

  /** All but the unanswered ones were answered; the latest by an error, where there is one. */
  #drain(error: string | undefined): void {
    const left = this.#unanswered();
    const nowMs = this.#clock.now();
    const sentMs = this.#sentMs;
    const mask = sentMs.length - 1;
    while (this.#size > left) {
      const series = this.#series[this.#head];
      const micros = Math.min((nowMs - sentMs[this.#head]!) * MICROS_PER_MS, MAX_MICROS) | 0;
      this.#head = (this.#head + 1) & mask;
      this.#size--;
      if (series === undefined) continue;
      if (error === undefined || this.#size > left) {
        this.#counter.record(Outcome.Success, micros);
        series.add(micros);
      } else {
        this.#counter.record(Outcome.ApplicationError, micros);
        this.#counter.failed(series.operation, error).add(micros);
      }
    }
  }

  #grow(): void {
    const { length } = this.#sentMs;
    const sentMs = new Float64Array(length * 2);
    const series = new Array<OperationSeries | undefined>(length * 2).fill(undefined);
    for (let i = 0; i < length; i++) {
      const at = (this.#head + i) & (length - 1);
      sentMs[i] = this.#sentMs[at]!;
      series[i] = this.#series[at];
    }
    this.#sentMs = sentMs;
    this.#series = series;
    this.#head = 0;
  }
}
