import { CallerContext } from '../../../src/adapter.js';
import { type Clock, type Endpoint, FairleadError, type Lease, Outcome, type Timer } from '../../../src/index.js';
import { mayPass, meaningOf } from '../common/errors.js';
import type { RouteChoice } from '../common/options.js';
import type { EndpointPool } from '../connections/endpoint-pool.js';
import { Checkout, type CheckoutCallback } from './checkout.js';

/** What a waiting caller needs of its cluster. */
export interface WaitingHost {
  readonly clock: Clock;
  /** How long a caller may wait; milliseconds, 0: no limit. */
  readonly acquireTimeoutMs: number;
  /** Callers that wait for a server: notified when one may be there. */
  readonly waiting: Set<WaitingCaller>;
  /** Whether a server may serve this now, or waiting for one is in vain. */
  isDecided(route: RouteChoice, tried: readonly Endpoint[]): boolean;
  /** Why waiting is in vain, if it is. */
  refusal(): unknown;
  /** Why no server was found in time. */
  noServer(route: RouteChoice): FairleadError;
  /** Looks for a server once more, on behalf of a caller that has waited. */
  search(route: RouteChoice, tried: readonly Endpoint[], callback: CheckoutCallback, waiting: WaitingCaller): void;
}

/**
 * A caller that found no server, or no idle connection to one: waits for either, and tries another
 * server where one cannot be connected to, all within `acquireTimeoutMs`. Nothing was sent yet, so
 * what is to be sent does not matter.
 */
export class WaitingCaller extends CallerContext {
  readonly #host: WaitingHost;
  readonly #route: RouteChoice;
  readonly #callback: CheckoutCallback;
  #tried: readonly Endpoint[];
  /** Clock time at which its patience ends; infinite without a timeout. */
  readonly #deadlineMs: number;
  #timer: Timer | undefined;

  constructor(host: WaitingHost, route: RouteChoice, tried: readonly Endpoint[], callback: CheckoutCallback) {
    super();
    this.#host = host;
    this.#route = route;
    this.#tried = tried;
    this.#callback = callback;
    const { clock, acquireTimeoutMs } = host;
    this.#deadlineMs = acquireTimeoutMs === 0 ? Number.POSITIVE_INFINITY : clock.now() + acquireTimeoutMs;
  }

  /** No server can serve it now. */
  forServer(): void {
    const remainingMs = this.#remainingMs;
    if (remainingMs <= 0) {
      this.#tell(this.#host.noServer(this.#route));
      return;
    }
    this.#host.waiting.add(this);
    if (!Number.isFinite(remainingMs)) return;
    this.#timer = this.#host.clock.awaited(remainingMs, () => {
      this.#host.waiting.delete(this);
      this.#tell(this.#host.noServer(this.#route));
    });
  }

  /** Servers, their roles or what is known of them changed. */
  changed(): void {
    if (!this.#host.isDecided(this.#route, this.#tried)) return;
    this.#host.waiting.delete(this);
    this.#timer?.cancel();
    this.#searchAgain();
  }

  /** A server is chosen, and has no idle connection. */
  forConnection(pool: EndpointPool, lease: Lease): void {
    const remainingMs = this.#remainingMs;
    const timeoutMs = Number.isFinite(remainingMs) ? Math.max(remainingMs, 1) : 0;
    pool.checkout(timeoutMs, (error, physical) => {
      if (physical === undefined) this.#connectFailed(lease, error);
      else this.#tell(null, new Checkout(lease.endpoint, physical, pool, lease));
    });
  }

  get #remainingMs(): number {
    return this.#deadlineMs - this.#host.clock.now();
  }

  /** What ends the wait is another caller's doing. */
  #tell(error: unknown, checkout?: Checkout): void {
    this.run(this.#callback, undefined, error, checkout);
  }

  #searchAgain(): void {
    this.#host.search(this.#route, this.#tried, (error, checkout) => this.#tell(error, checkout), this);
  }

  #connectFailed(lease: Lease, error: unknown): void {
    if (error instanceof FairleadError) {
      // A full pool is not evidence against the server.
      lease.done(Outcome.Cancelled);
      // The server left discovery while this caller waited for it: there are others.
      if (error.code === 'FAIRLEAD_CLOSED' && this.#host.refusal() === undefined) this.#searchAgain();
      else this.#tell(error);
      return;
    }
    lease.done(meaningOf(error, true).outcome);
    if (!mayPass(error)) this.#tell(error);
    else if (this.#route === 'replica' && !this.#tried.includes(lease.endpoint)) {
      this.#tried = [...this.#tried, lease.endpoint];
      this.#searchAgain();
    } else if (this.#remainingMs > RETRY_PAUSE_MS) {
      this.#host.clock.awaited(RETRY_PAUSE_MS, () => this.#searchAgain());
    } else this.#tell(error);
  }
}

/**
 * Before the same server is tried again: a restart takes seconds, and twenty attempts each are
 * enough.
 */
const RETRY_PAUSE_MS = 50;
