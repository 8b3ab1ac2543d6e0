import type { CallerContext } from '../../../src/adapter.js';
import type { Endpoint, Lease } from '../../../src/index.js';
import type { EndpointPool } from '../connections/endpoint-pool.js';
import type { Physical } from '../connections/physical.js';

/** A connection to one server, taken for a while. */
export class Checkout {
  readonly endpoint: Endpoint;
  readonly physical: Physical;
  readonly pool: EndpointPool;
  readonly lease: Lease;

  constructor(endpoint: Endpoint, physical: Physical, pool: EndpointPool, lease: Lease) {
    this.endpoint = endpoint;
    this.physical = physical;
    this.pool = pool;
    this.lease = lease;
  }
}

/** Whoever asks for a connection, once. */
export interface Taker {
  /** In whose context it is told where it had to wait: another caller ends the wait. */
  readonly caller: CallerContext;
  /** With a connection, or why there is none. */
  took(error: unknown, checkout?: Checkout): void;
}
