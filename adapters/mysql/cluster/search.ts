import { type Clock, type Endpoint, FairleadError, type Lease, Outcome, type Subset } from '../../../src/index.js';
import { mayPass, meaningOf } from '../common/errors.js';
import type { EndpointPool } from '../connections/endpoint-pool.js';
import { Checkout, type CheckoutCallback } from './checkout.js';

/** Where a caller's connection is looked for. */
export interface SearchHost {
  readonly clock: Clock;
  readonly acquireTimeoutMs: number;
  /** Who may serve this now, if anybody. */
  subsetFor(route: 'primary' | 'replica', tried: readonly Endpoint[]): Subset | undefined;
  poolOf(endpoint: Endpoint): EndpointPool | undefined;
  /**
   * Why nobody ever will, as things are: it is closed, two servers accept writes, or all refuse the
   * login.
   */
  refusal(): unknown;
  /** Why nobody was found in time. */
  noServer(route: 'primary' | 'replica'): FairleadError;
  on(event: 'change', listener: () => void): unknown;
  off(event: 'change', listener: () => void): unknown;
}

/**
 * Before the same server is tried again: a restart takes seconds, and twenty attempts each are
 * enough.
 */
const RETRY_PAUSE_MS = 50;

/**
 * One caller's search for a connection: waits for a server to be found and for a connection to it,
 * and tries another server where one cannot be connected to, all within `acquireTimeoutMs`. Nothing
 * was sent yet, so what is to be sent does not matter.
 */
export class Search {
  readonly #host: SearchHost;
  readonly #route: 'primary' | 'replica';
  #tried: readonly Endpoint[];
  readonly #callback: CheckoutCallback;
  /** Read from the clock by the first that waits. */
  #deadlineMs = Number.NaN;

  constructor(host: SearchHost, route: 'primary' | 'replica', tried: readonly Endpoint[], callback: CheckoutCallback) {
    this.#host = host;
    this.#route = route;
    this.#tried = tried;
    this.#callback = callback;
  }

  start(): void {
    const host = this.#host;
    const subset = host.subsetFor(this.#route, this.#tried);
    if (subset === undefined) {
      const refusal = host.refusal();
      if (refusal === undefined) this.#waitForServer();
      else this.#callback(refusal);
      return;
    }
    let lease: Lease;
    try {
      lease = subset.acquire(this.#tried.length === 0 ? undefined : { tried: this.#tried });
    } catch (error) {
      this.#callback(error);
      return;
    }
    const pool = host.poolOf(lease.endpoint);
    if (pool === undefined) {
      lease.done(Outcome.Cancelled);
      this.#callback(host.noServer(this.#route));
      return;
    }
    const idle = pool.takeIdle();
    if (idle === undefined) this.#waitForConnection(pool, lease);
    else this.#callback(null, new Checkout(lease.endpoint, idle, pool, lease));
  }

  /** Milliseconds left; infinite without a timeout. */
  #remainingMs(): number {
    const { clock, acquireTimeoutMs } = this.#host;
    if (acquireTimeoutMs === 0) return Number.POSITIVE_INFINITY;
    if (!Number.isNaN(this.#deadlineMs)) return this.#deadlineMs - clock.now();
    this.#deadlineMs = clock.now() + acquireTimeoutMs;
    return acquireTimeoutMs;
  }

  #waitForConnection(pool: EndpointPool, lease: Lease): void {
    const remainingMs = this.#remainingMs();
    const timeoutMs = Number.isFinite(remainingMs) ? Math.max(remainingMs, 1) : 0;
    pool.checkout(timeoutMs, (error, physical) => {
      if (physical === undefined) this.#connectFailed(lease, error);
      else this.#callback(null, new Checkout(lease.endpoint, physical, pool, lease));
    });
  }

  #connectFailed(lease: Lease, error: unknown): void {
    if (error instanceof FairleadError) {
      // A full pool of ours says nothing about the server.
      lease.done(Outcome.Cancelled);
      // The server left discovery while this caller waited for it: there are others.
      if (error.code === 'FAIRLEAD_CLOSED' && this.#host.refusal() === undefined) this.start();
      else this.#callback(error);
      return;
    }
    lease.done(meaningOf(error, true).outcome);
    if (!mayPass(error)) this.#callback(error);
    else if (this.#route === 'replica' && !this.#tried.includes(lease.endpoint)) {
      this.#tried = [...this.#tried, lease.endpoint];
      this.start();
    } else if (this.#remainingMs() > RETRY_PAUSE_MS) {
      this.#host.clock.awaited(RETRY_PAUSE_MS, () => this.start());
    } else this.#callback(error);
  }

  #waitForServer(): void {
    const host = this.#host;
    const remainingMs = this.#remainingMs();
    if (remainingMs <= 0) {
      this.#callback(host.noServer(this.#route));
      return;
    }
    const onChange = (): void => {
      if (host.subsetFor(this.#route, this.#tried) === undefined && host.refusal() === undefined) return;
      end();
      this.start();
    };
    const timer = Number.isFinite(remainingMs)
      ? host.clock.awaited(remainingMs, () => {
          end();
          this.#callback(host.noServer(this.#route));
        })
      : undefined;
    const end = (): void => {
      timer?.cancel();
      host.off('change', onChange);
    };
    host.on('change', onChange);
  }
}
