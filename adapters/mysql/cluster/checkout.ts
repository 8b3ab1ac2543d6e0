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

export type CheckoutCallback = (error: unknown, checkout?: Checkout) => void;
