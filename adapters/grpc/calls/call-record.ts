import type { Metadata, status } from '@grpc/grpc-js';
import type { ChannelTelemetry } from '../common/telemetry.js';
import { AttemptRecord } from './attempt-record.js';

/** grpc-js puts it into the metadata of attempts after the first (gRFC A6). */
export const PREVIOUS_ATTEMPTS = 'grpc-previous-rpc-attempts';

/**
 * What is measured of one call, made only while there are subscribers. Attempts are reported by the
 * picks. A number that repeats is a transparent retry, which the retry policy does not count; and
 * as attempts may overlap, time without one is what remains between them.
 */
export class CallRecord {
  readonly path: string;
  readonly telemetry: ChannelTelemetry;
  readonly #hedged: boolean;
  readonly #startMs: number;
  /** The latest attempt of each number. */
  readonly #attempts: AttemptRecord[] = [];
  #transparentRetries = 0;
  #active = 0;
  #idleSinceMs: number;
  #retryDelayMs = 0;
  #ended = false;

  constructor(telemetry: ChannelTelemetry, path: string, hedged: boolean) {
    this.telemetry = telemetry;
    this.path = path;
    this.#hedged = hedged;
    this.#startMs = telemetry.clock.now();
    this.#idleSinceMs = this.#startMs;
  }

  /** The attempt that a pick is for: the one that has waited for it, or a new one. */
  attempt(metadata: Metadata): AttemptRecord {
    const number = Number(metadata.get(PREVIOUS_ATTEMPTS)[0] ?? 0);
    const known = this.#attempts[number];
    if (known?.awaitsStream) return known;
    if (known !== undefined) this.#transparentRetries++;
    // Before the first pick nothing happens but this call's configuration: gRFC A66 counts the wait
    // for a pick in.
    const first = this.#attempts.length === 0;
    const startMs = first ? this.#startMs : this.telemetry.clock.now();
    if (this.#active === 0) this.#retryDelayMs += startMs - this.#idleSinceMs;
    this.#active++;
    const attempt = new AttemptRecord(this, startMs);
    this.#attempts[number] = attempt;
    return attempt;
  }

  attemptEnded(nowMs: number): void {
    this.#active--;
    this.#idleSinceMs = nowMs;
  }

  /** The call is over, as its caller is told. */
  end(code: status): void {
    if (this.#ended) return;
    this.#ended = true;
    // An attempt that never got as far as a stream ends with its call, and nothing reports it.
    for (const attempt of this.#attempts) attempt?.end(code);
    const repeats = Math.max(this.#attempts.length - 1, 0);
    this.telemetry.call(this.path, code, {
      durationMs: this.telemetry.clock.now() - this.#startMs,
      retries: this.#hedged ? 0 : repeats,
      hedges: this.#hedged ? repeats : 0,
      transparentRetries: this.#transparentRetries,
      retryDelayMs: this.#retryDelayMs,
    });
  }
}
