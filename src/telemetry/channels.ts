import { channel } from 'node:diagnostics_channel';
import type { Endpoint } from '../endpoint/endpoint.js';
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
}

const calls = channel('fairlead:call');
const endpoints = channel('fairlead:endpoint');

/** Costs a comparison while nobody has subscribed. */
export function publishCall(service: string, endpoint: Endpoint, outcome: Outcome, latencyMs: number): void {
  if (calls.hasSubscribers) calls.publish({ service, endpoint, outcome, latencyMs } satisfies CallMessage);
}

export function publishEndpoint(service: string, endpoint: Endpoint, what: EndpointMessage['what']): void {
  if (endpoints.hasSubscribers) endpoints.publish({ service, endpoint, what } satisfies EndpointMessage);
}

/** Message of `fairlead:grpc:attempt`: the gRPC adapter picked an endpoint for an attempt of a call, or that attempt ended. */
export interface GrpcAttemptMessage {
  readonly service: string;
  /** Without the options of its query: `fairlead:///users`. */
  readonly target: string;
  /** `package.Service/Method`. */
  readonly method: string;
  readonly endpoint: Endpoint;
  readonly what: 'started' | 'ended';
  /** The name of the status, `OK`; undefined while it goes on. */
  readonly status: string | undefined;
  /** From the pick to the end; NaN while it goes on, and where nobody had subscribed when it began. */
  readonly durationMs: number;
}

/** Message of `fairlead:grpc:connection`: a channel's connection to an endpoint came, went, or did not come to be. */
export interface GrpcConnectionMessage {
  readonly service: string;
  readonly target: string;
  readonly endpoint: Endpoint;
  /** `closed` is the channel's own doing: the endpoint has departed, or the channel is idle or closed. */
  readonly what: 'connected' | 'failed' | 'disconnected' | 'closed';
}
