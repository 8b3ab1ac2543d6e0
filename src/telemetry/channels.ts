import { channel } from 'node:diagnostics_channel';
import type { Endpoint } from '../endpoint/endpoint.js';
import type { EjectionEvent } from '../health/ejection-event.js';
import type { Outcome } from '../runtime/outcome.js';

/** Message of `fairlead:call`: a call ended. */
export interface CallMessage {
  readonly service: string;
  readonly endpoint: Endpoint;
  readonly outcome: Outcome;
  /** NaN where the service does not measure latency. */
  readonly latencyMs: number;
}

/** Message of `fairlead:endpoint`: something happened to an endpoint. */
export interface EndpointMessage {
  readonly service: string;
  readonly endpoint: Endpoint;
  readonly what: 'arrived' | 'departed' | 'ejected' | 'returned';
  /**
   * Why it was ejected, for how long, and whether that was carried out; undefined for the others.
   */
  readonly ejection: EjectionEvent | undefined;
}

const calls = channel('fairlead:call');
const endpoints = channel('fairlead:endpoint');

/** Costs one comparison while there are no subscribers. */
export function publishCall(service: string, endpoint: Endpoint, outcome: Outcome, latencyMs: number): void {
  if (calls.hasSubscribers) calls.publish({ service, endpoint, outcome, latencyMs } satisfies CallMessage);
}

export function publishEndpoint(
  service: string,
  endpoint: Endpoint,
  what: EndpointMessage['what'],
  ejection?: EjectionEvent,
): void {
  if (endpoints.hasSubscribers) endpoints.publish({ service, endpoint, what, ejection } satisfies EndpointMessage);
}
