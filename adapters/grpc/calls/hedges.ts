import { status as Code, Metadata, type StatusObject } from '@grpc/grpc-js';
import type { MethodPlan } from '../config/method-configs.js';
import { PREVIOUS_ATTEMPTS } from './call-record.js';
import type { HedgeThrottle } from './hedge-throttle.js';

/**
 * By which a server says when to try again; grpc-js would wait once more for an attempt that only
 * repeats the words.
 */
const PUSHBACK = 'grpc-retry-pushback-ms';

/** Which attempts of one call may be sent. */
export class Hedges {
  readonly #throttle: HedgeThrottle;
  readonly #plan: MethodPlan;
  /** The highest number of an attempt that was let through; undefined before the first. */
  #allowed: number | undefined;
  /** How the attempt that failed last did. */
  #failed: StatusObject | undefined;
  /** Attempts on their way. */
  #live = 0;
  /** Attempts that are not sent, as grpc-js waits for them to end. */
  readonly #unsent: ((ended: StatusObject) => void)[] = [];

  constructor(throttle: HedgeThrottle, plan: MethodPlan) {
    this.#throttle = throttle;
    this.#plan = plan;
  }

  /**
   * Whether the attempt that a pick is for may be sent. Retries are throttled by grpc-js itself.
   */
  allow(metadata: Metadata): boolean {
    if (!this.#plan.hedged) return true;
    const number = Number(metadata.get(PREVIOUS_ATTEMPTS)[0] ?? 0);
    // The first is the call itself. The number of one that was sent is that of a transparent retry,
    // or of a second pick because the first lost its connection: neither asks more of the servers.
    const first = this.#allowed === undefined;
    const free = first || number <= this.#allowed!;
    if (first) this.#throttle.callStarted(this.#plan);
    if (!free && !this.#throttle.allows(this.#plan)) return false;
    if (this.#allowed === undefined || number > this.#allowed) this.#allowed = number;
    return true;
  }

  picked(): void {
    this.#live++;
  }

  ended(code: Code, details: string, metadata: Metadata): void {
    this.#throttle.attemptEnded(code, this.#plan);
    if (code !== Code.OK) this.#failed = { code, details, metadata };
  }

  /** An attempt is on its way no more, however that came. */
  left(): void {
    this.#live--;
    if (this.#live > 0 || this.#unsent.length === 0) return;
    const ended = this.#verdict;
    for (const end of this.#unsent.splice(0)) end(ended);
  }

  /**
   * Ends an attempt that is not sent, as soon as no other of the call is on its way. Ended earlier
   * it could be what the caller receives, if the last one fails in that moment.
   */
  endUnsent(end: (ended: StatusObject) => void): void {
    if (this.#live > 0) this.#unsent.push(end);
    else end(this.#verdict);
  }

  /**
   * What the caller receives: how the last attempt failed. Where none reported, a code that leaves
   * the call alone: there are attempts that are let go of and may yet start (see
   * `PendingAttempts`).
   */
  get #verdict(): StatusObject {
    const failed = this.#failed;
    if (failed === undefined) {
      return { code: this.#plan.unsentCode, details: 'Not sent: hedges are throttled.', metadata: new Metadata() };
    }
    const metadata = failed.metadata.clone();
    metadata.remove(PUSHBACK);
    return { code: failed.code, details: failed.details, metadata };
  }
}
