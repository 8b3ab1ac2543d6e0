import type { Lease } from '../picking/lease.js';
import type { Timer } from '../runtime/clock.js';

/**
 * One attempt in a race. Its signal is made when it is first looked at: an AbortController costs
 * more than all the rest of the attempt.
 */
export class Racer {
  readonly lease: Lease;
  readonly startedMs: number;
  /** It was started beside a slow one. */
  readonly hedge: boolean;
  /** Of its own timeout. */
  timer: Timer | undefined;
  #controller: AbortController | undefined;
  #aborted: { readonly reason: unknown } | undefined;

  constructor(lease: Lease, startedMs: number, hedge: boolean) {
    this.lease = lease;
    this.startedMs = startedMs;
    this.hedge = hedge;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#aborted !== undefined) this.#controller.abort(this.#aborted.reason);
    }
    return this.#controller.signal;
  }

  abort(reason: unknown): void {
    this.#aborted ??= { reason };
    this.#controller?.abort(reason);
  }
}
