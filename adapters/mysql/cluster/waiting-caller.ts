import type { CallerContext } from '../../../src/adapter.js';
import { type Clock, type Endpoint, FairleadError, type Lease, Outcome, type Timer } from '../../../src/index.js';
import { mayPass, meaningOf } from '../common/errors.js';
import type { RouteChoice } from '../common/options.js';
import type { ConnectionWaiter, EndpointPool } from '../connections/endpoint-pool.js';
import type { Physical } from '../connections/physical.js';
import { Checkout, type Taker } from './checkout.js';

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
  search(route: RouteChoice, tried: readonly Endpoint[], taker: Taker, waiting: WaitingCaller): void;
}

/**
 * A caller that found no server, or no idle connection to one: waits for either, and tries another
 * server where one cannot be connected to, all within `acquireTimeoutMs`. Nothing was sent yet, so
 * what is to be sent does not matter.
 */
export class WaitingCaller implements Taker, ConnectionWaiter {
  /** Clock time at which its patience ends; infinite without a timeout. */
  readonly deadlineMs: number;
  readonly #host: WaitingHost;
  readonly #route: RouteChoice;
  readonly #taker: Taker;
  #tried: readonly Endpoint[];
  #timer: Timer | undefined;
  /** The server that is chosen, while a connection to it is waited for. */
  #pool: EndpointPool | undefined;
  #lease: Lease | undefined;

  constructor(host: WaitingHost, route: RouteChoice, tried: readonly Endpoint[], taker: Taker) {
    this.#host = host;
    this.#route = route;
    this.#tried = tried;
    this.#taker = taker;
    const { clock, acquireTimeoutMs } = host;
    this.deadlineMs = acquireTimeoutMs === 0 ? Number.POSITIVE_INFINITY : clock.now() + acquireTimeoutMs;
  }

  /** No server can serve it now. */
  forServer(): void {
    const remainingMs = this.#remainingMs;
    if (remainingMs <= 0) {
      this.took(this.#host.noServer(this.#route));
      return;
    }
    this.#host.waiting.add(this);
    if (!Number.isFinite(remainingMs)) return;
    this.#timer = this.#host.clock.awaited(remainingMs, () => {
      this.#host.waiting.delete(this);
      this.took(this.#host.noServer(this.#route));
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
    this.#pool = pool;
    this.#lease = lease;
    pool.checkout(this);
  }

  connected(error: unknown, physical: Physical | undefined): void {
    const pool = this.#pool!;
    const lease = this.#lease!;
    if (physical === undefined) this.#connectFailed(lease, error);
    else this.took(null, new Checkout(lease.endpoint, physical, pool, lease));
  }

  get timeoutMs(): number {
    return this.#host.acquireTimeoutMs;
  }

  get caller(): CallerContext {
    return this.#taker.caller;
  }

  took(error: unknown, checkout?: Checkout): void {
    const taker = this.#taker;
    taker.caller.run(taker.took, taker, error, checkout);
  }

  get #remainingMs(): number {
    return this.deadlineMs - this.#host.clock.now();
  }

  #searchAgain(): void {
    this.#host.search(this.#route, this.#tried, this, this);
  }

  #connectFailed(lease: Lease, error: unknown): void {
    if (error instanceof FairleadError) {
      // A full pool is not evidence against the server.
      lease.done(Outcome.Cancelled);
      // The server left discovery while this caller waited for it: there are others.
      if (error.code === 'FAIRLEAD_CLOSED' && this.#host.refusal() === undefined) this.#searchAgain();
      else this.took(error);
      return;
    }
    lease.done(meaningOf(error, true).outcome);
    if (!mayPass(error)) this.took(error);
    else if (this.#route === 'replica' && !this.#tried.includes(lease.endpoint)) {
      this.#tried = [...this.#tried, lease.endpoint];
      this.#searchAgain();
    } else if (this.#remainingMs > RETRY_PAUSE_MS) {
      this.#host.clock.awaited(RETRY_PAUSE_MS, () => this.#searchAgain());
    } else this.took(error);
  }
}

/**
 * Before the same server is tried again: a restart takes seconds, and twenty attempts each are
 * enough.
 */
const RETRY_PAUSE_MS = 50;
