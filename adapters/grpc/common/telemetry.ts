import { channel } from 'node:diagnostics_channel';
import { status } from '@grpc/grpc-js';
import type { Weighing } from '../../../src/adapter.js';
import type { Clock, Endpoint, Service } from '../../../src/index.js';
import type { GrpcAttemptMessage, GrpcCallMessage, GrpcConnectionMessage, GrpcWeighingMessage } from '../messages.js';

const calls = channel('fairlead:grpc:call');
const attempts = channel('fairlead:grpc:attempt');
const connections = channel('fairlead:grpc:connection');
const weighings = channel('fairlead:grpc:weighing');

/** What of an attempt is not the channel's. */
export type AttemptFigures = Omit<GrpcAttemptMessage, 'service' | 'upstream' | 'target' | 'method' | 'status'>;
export type CallFigures = Omit<GrpcCallMessage, 'service' | 'upstream' | 'target' | 'method' | 'status'>;

/**
 * Publishes to the diagnostics channels about one gRPC channel. Costs one comparison while there
 * are no subscribers.
 */
export class ChannelTelemetry {
  readonly clock: Clock;
  readonly #upstream: Service;
  readonly #target: string;

  constructor(upstream: Service, target: string, clock: Clock) {
    this.#upstream = upstream;
    this.#target = target;
    this.clock = clock;
  }

  /** Whether calls have subscribers: those that begin meanwhile are followed. */
  get followsCalls(): boolean {
    return calls.hasSubscribers || attempts.hasSubscribers;
  }

  call(path: string, code: status, figures: CallFigures): void {
    if (!calls.hasSubscribers) return;
    const message: GrpcCallMessage = { ...this.#labels(path), status: nameOf(code), ...figures };
    calls.publish(message);
  }

  attempt(path: string, code: status | undefined, figures: AttemptFigures): void {
    if (!attempts.hasSubscribers) return;
    const name = code === undefined ? undefined : nameOf(code);
    const message: GrpcAttemptMessage = { ...this.#labels(path), status: name, ...figures };
    attempts.publish(message);
  }

  connection(endpoint: Endpoint, what: GrpcConnectionMessage['what']): void {
    if (!connections.hasSubscribers) return;
    const { name: service } = this.#upstream;
    const message: GrpcConnectionMessage = { service, target: this.#target, endpoint, what };
    connections.publish(message);
  }

  weighing(weighing: Weighing): void {
    if (!weighings.hasSubscribers) return;
    const { name: service } = this.#upstream;
    const message: GrpcWeighingMessage = { service, upstream: this.#upstream, target: this.#target, ...weighing };
    weighings.publish(message);
  }

  #labels(path: string): Pick<GrpcCallMessage, 'service' | 'upstream' | 'target' | 'method'> {
    const method = path.startsWith('/') ? path.slice(1) : path;
    return { service: this.#upstream.name, upstream: this.#upstream, target: this.#target, method };
  }
}

/** A code that gRPC does not know is reported as gRPC libraries read it: UNKNOWN. */
function nameOf(code: status): string {
  return status[code] ?? 'UNKNOWN';
}
