import type { Metadata, status } from '@grpc/grpc-js';
import type { MethodCounts } from '../common/method-counts.js';
import type { CallFigures, ChannelTelemetry } from '../common/telemetry.js';
import { AttemptRecord } from './attempt-record.js';

/** grpc-js puts it into the metadata of attempts after the first (gRFC A6). */
export const PREVIOUS_ATTEMPTS = 'grpc-previous-rpc-attempts';

const MICROS_PER_MS = 1_000;
const MAX_SMALL = 2 ** 31 - 1;

/**
 * What is measured of one call, made only while figures are read or there are subscribers; 96
 * bytes, and 80 for its attempt. Durations are whole microseconds since its beginning, which V8
 * keeps in the objects: a double would be 16 bytes more each.
 *
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
  /** The latest attempt of number 0. */
  #first: AttemptRecord | undefined = undefined;
  /** Most calls have one attempt. */
  #repeated: Repeated | undefined = undefined;
  /** -1 until it has ended. */
  durationMicros = -1;

  constructor(telemetry: ChannelTelemetry, path: string, hedged: boolean) {
    this.telemetry = telemetry;
    this.path = path;
    this.counts = telemetry.countsOf(path);
    this.#hedged = hedged;
    this.#startMs = telemetry.clock.now();
  }

  /** The attempt that a pick is for: the one that has waited for it, or a new one. */
  attempt(metadata: Metadata): AttemptRecord {
    const first = this.#first;
    if (first === undefined) {
      // Before the first pick nothing happens but this call's configuration: gRFC A66 counts the
      // wait for a pick in.
      this.#first = new AttemptRecord(this, 0);
      return this.#first;
    }
    const number = Number(metadata.get(PREVIOUS_ATTEMPTS)[0] ?? 0);
    const known = number === 0 ? first : this.#repeated?.more[number - 1];
    if (known?.awaitsStream) return known;
    this.#repeated ??= new Repeated(first);
    const startMicros = this.elapsedMicros();
    this.#repeated.begun(startMicros, known !== undefined);
    const attempt = new AttemptRecord(this, startMicros);
    if (number === 0) this.#first = attempt;
    else this.#repeated.more[number - 1] = attempt;
    return attempt;
  }

  attemptEnded({ endMicros }: AttemptRecord): void {
    this.#repeated?.ended(endMicros);
  }

  /** Since it began. */
  elapsedMicros(): number {
    const micros = (this.telemetry.clock.now() - this.#startMs) * MICROS_PER_MS;
    return micros < MAX_SMALL ? (micros + 0.5) | 0 : Math.round(micros);
  }

  /** The call is over, as its caller is told. */
  end(code: status): void {
    if (this.durationMicros >= 0) return;
    this.durationMicros = this.elapsedMicros();
    // An attempt that never got as far as a stream ends with its call, and nothing reports it.
    this.#first?.end(code);
    if (this.#repeated !== undefined) for (const attempt of this.#repeated.more) attempt?.end(code);
    this.telemetry.call(this.path, this.counts, code, this);
  }

  get retries(): number {
    return this.#hedged ? 0 : this.#repeats;
  }

  get hedges(): number {
    return this.#hedged ? this.#repeats : 0;
  }

  get transparentRetries(): number {
    return this.#repeated?.transparentRetries ?? 0;
  }

  get retryDelayMicros(): number {
    return this.#repeated?.delayMicros ?? 0;
  }

  get #repeats(): number {
    return this.#repeated?.more.length ?? 0;
  }
}

/** What there is to know of a call that has had more than one attempt. */
class Repeated {
  /** The latest attempt of each number above 0. */
  readonly more: (AttemptRecord | undefined)[] = [];
  transparentRetries = 0;
  delayMicros = 0;
  #active: number;
  /** When an attempt ended last; -1 where none has. */
  #lastEndMicros: number;

  constructor(first: AttemptRecord) {
    this.#active = first.hasEnded ? 0 : 1;
    this.#lastEndMicros = first.hasEnded ? first.endMicros : -1;
  }

  begun(atMicros: number, transparent: boolean): void {
    if (transparent) this.transparentRetries++;
    if (this.#active === 0 && this.#lastEndMicros >= 0) this.delayMicros += atMicros - this.#lastEndMicros;
    this.#active++;
  }

  ended(atMicros: number): void {
    this.#active--;
    this.#lastEndMicros = atMicros;
  }
}
