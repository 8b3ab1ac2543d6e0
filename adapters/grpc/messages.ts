import type { Weighing } from '../../src/adapter.js';
import type { Endpoint, Service } from '../../src/index.js';

/** Message of `fairlead:grpc:call`: a call of a gRPC channel ended, all its attempts included. */
export interface GrpcCallMessage {
  readonly service: string;
  /**
   * The service itself, which distinguishes the mesh from another one that has a service of this
   * name.
   */
  readonly upstream: Service;
  /** Without the options of its query: `fairlead:///users`. */
  readonly target: string;
  /** `package.Service/Method`. */
  readonly method: string;
  /** The name of the status, `OK`. */
  readonly status: string;
  /** From the moment the call was given to a connected or connecting channel. */
  readonly durationMs: number;
  /**
   * Attempts after the first by its retry policy, by its hedging policy, and by gRPC's own rules.
   */
  readonly retries: number;
  readonly hedges: number;
  readonly transparentRetries: number;
  /** How long no attempt was in progress between the first and the last. */
  readonly retryDelayMs: number;
}

/** Message of `fairlead:grpc:attempt`: an attempt of a call began, or ended. */
export interface GrpcAttemptMessage {
  readonly service: string;
  readonly upstream: Service;
  readonly target: string;
  readonly method: string;
  /** Undefined before it is picked: when it begins, and where it ended without one. */
  readonly endpoint: Endpoint | undefined;
  readonly what: 'started' | 'ended';
  /** The name of the status, `OK`; undefined while it goes on. */
  readonly status: string | undefined;
  /** From before the pick to the end, waiting for a connection included; NaN while it goes on. */
  readonly durationMs: number;
  /**
   * Bytes of its messages as they went over the connection, compressed where they are, without
   * their frames.
   */
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

/**
 * Message of `fairlead:grpc:weighing`: a channel's policy made weights of the load that endpoints
 * report.
 */
export interface GrpcWeighingMessage extends Weighing {
  readonly service: string;
  readonly upstream: Service;
  readonly target: string;
}

/**
 * Message of `fairlead:grpc:connection`: a channel's connection to an endpoint came, went, or did
 * not come to be.
 */
export interface GrpcConnectionMessage {
  readonly service: string;
  readonly target: string;
  readonly endpoint: Endpoint;
  /**
   * `closed` is the channel's own doing: the endpoint has departed, or the channel is idle or
   * closed.
   */
  readonly what: 'connected' | 'failed' | 'disconnected' | 'closed';
}
