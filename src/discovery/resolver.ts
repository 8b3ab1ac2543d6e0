import type { EndpointSpec } from '../endpoint/endpoint.js';
import type { DiscoveryContext } from './context.js';

/**
 * Contract: a resolver reports the endpoints of a service, by push, for as long as it is watched.
 */
export interface Resolver {
  /** The name in events and error messages. */
  readonly name: string;
  /**
   * Checks the query's parameters when the service is made. Throws a FairleadError that names the
   * parameter, the value and what is allowed.
   */
  check?(query: ServiceQuery): void;
  /**
   * Begins to watch. Never throws; errors go to the sink while the last snapshot stays in force.
   * Ends when the signal aborts: from then on the sink is not called. Whatever waits or draws for
   * this watch takes both from the context, which is the mesh's; the machine's where there is none.
   */
  watch(query: ServiceQuery, sink: ResolverSink, signal: AbortSignal, context?: DiscoveryContext): void;
  /** Releases sockets and shared watches. */
  close?(): void;
}

export interface ServiceQuery {
  readonly service: string;
  /** Parameters for this resolver, such as Consul's datacenter or filter. */
  readonly params: Readonly<Record<string, unknown>>;
}

export interface ResolverSink {
  /**
   * The endpoints as of now: the whole list, not a difference. What is registered and unhealthy is
   * in it, with `healthy: false`: an instance that is left out is one that was deregistered, and a
   * store then gives its keys to others. Calling again with an equal `version` says that the list
   * is confirmed unchanged, which renews its age at no other cost. `ageMs` (default 0) is how old
   * the registry says the list is: an answer from a cache, or from a server that has lost its
   * leader.
   */
  snapshot(endpoints: readonly EndpointSpec[], version: string, ageMs?: number): void;
  /**
   * Something failed; the last snapshot stays in force and grows older. A FairleadError with the
   * code FAIRLEAD_UNLISTED before the first snapshot says that there is no such service: calls are
   * then refused at once instead of waiting for it. A list may still follow.
   */
  error(error: Error): void;
}

/**
 * What a user may write for an endpoint: `'host:port'`, or an object of which host and port are
 * needed.
 */
export type EndpointInput = string | (Partial<EndpointSpec> & Pick<EndpointSpec, 'host' | 'port'>);

/** What is known about the data behind the endpoints. */
export interface DiscoveryStatus {
  /** Milliseconds since the list was last confirmed; Infinity before the first. */
  readonly ageMs: number;
  /** The resolver's version of the list, '' before the first. */
  readonly version: string;
  /** Why it grows old: the last error since the list was confirmed. */
  readonly error: Error | undefined;
}
