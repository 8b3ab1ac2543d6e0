import type { Metadata, status } from '@grpc/grpc-js';
import type { MethodCounts } from '../common/method-counts.js';
import type { CallFigures, ChannelTelemetry } from '../common/telemetry.js';
import { AttemptRecord } from './attempt-record.js';

/** grpc-js puts it into the metadata of attempts after the first (gRFC A6). */
export const PREVIOUS_ATTEMPTS = 'grpc-previous-rpc-attempts';

/**
 * What is measured of one call, made only while figures are read or there are subscribers.
 * Attempts are reported by the picks. A number that repeats is a transparent retry, which the
 * retry policy does not count; and as attempts may overlap, time without one is what remains
 * between them.
 */
export class CallRecord implements CallFigures {
  readonly path: string;
  readonly telemetry: ChannelTelemetry;
  /** Undefined where nobody reads figures. */
  readonly counts: MethodCounts | undefined;
  readonly #hedged: boolean;
  readonly #startMs: number;
  /** The latest attempt of number 0, and of each other: most calls have one. */
  #first: AttemptRecord | undefined = undefined;
  #more: (AttemptRecord | undefined)[] | undefined = undefined;
  transparentRetries = 0;
  retryDelayMs = 0;
  /** NaN until it has ended. */
  durationMs: number = Number.NaN;
  #active = 0;
  /** The attempt that ended last. */
  #last: AttemptRecord | undefined = undefined;
  #ended = false;

  constructor(telemetry: ChannelTelemetry, path: string, hedged: boolean) {
    this.telemetry = telemetry;
    this.path = path;
    this.counts = telemetry.countsOf(path);
    this.#hedged = hedged;
    this.#startMs = telemetry.clock.now();
  }

  /** The attempt that a pick is for: the one that has waited for it, or a new one. */
  attempt(metadata: Metadata): AttemptRecord {
    const first = this.#first === undefined && this.#more === undefined;
    const number = first ? 0 : Number(metadata.get(PREVIOUS_ATTEMPTS)[0] ?? 0);
    const known = number === 0 ? this.#first : this.#more?.[number - 1];
    if (known?.awaitsStream) return known;
    if (known !== undefined) this.transparentRetries++;
    // Before the first pick nothing happens but this call's configuration: gRFC A66 counts the wait
    // for a pick in.
    const startMs = first ? this.#startMs : this.telemetry.clock.now();
    if (this.#active === 0 && this.#last !== undefined) this.retryDelayMs += startMs - this.#last.endMs;
    this.#active++;
    const attempt = new AttemptRecord(this, startMs);
    if (number === 0) this.#first = attempt;
    else {
      this.#more ??= [];
      this.#more[number - 1] = attempt;
    }
    return attempt;
  }

  attemptEnded(attempt: AttemptRecord): void {
    this.#active--;
    this.#last = attempt;
  }

  /** The call is over, as its caller is told. */
  end(code: status): void {
    if (this.#ended) return;
    this.#ended = true;
    // An attempt that never got as far as a stream ends with its call, and nothing reports it.
    this.#first?.end(code);
    if (this.#more !== undefined) for (const attempt of this.#more) attempt?.end(code);
    this.durationMs = this.telemetry.clock.now() - this.#startMs;
    this.telemetry.call(this.path, this.counts, code, this);
  }

  get retries(): number {
    return this.#hedged ? 0 : this.#repeats;
  }

  get hedges(): number {
    return this.#hedged ? this.#repeats : 0;
  }

  get #repeats(): number {
    return this.#more?.length ?? 0;
  }
}
