import { channel } from 'node:diagnostics_channel';
import { status } from '@grpc/grpc-js';
import type { Endpoint, GrpcAttemptMessage, GrpcConnectionMessage } from '../../src/index.js';

const attempts = channel('fairlead:grpc:attempt');
const connections = channel('fairlead:grpc:connection');

/** Tells the diagnostics channels about one gRPC channel. Costs a comparison while nobody has subscribed. */
export class ChannelTelemetry {
  readonly #service: string;
  readonly #target: string;

  constructor(service: string, target: string) {
    this.#service = service;
    this.#target = target;
  }

  /** Whether it is worth reading the clock. */
  get timesAttempts(): boolean {
    return attempts.hasSubscribers;
  }

  attemptStarted(path: string, endpoint: Endpoint): void {
    if (attempts.hasSubscribers) this.#attempt(path, endpoint, 'started', undefined, Number.NaN);
  }

  attemptEnded(path: string, endpoint: Endpoint, code: status, durationMs: number): void {
    if (attempts.hasSubscribers) this.#attempt(path, endpoint, 'ended', status[code] ?? 'UNKNOWN', durationMs);
  }

  connection(endpoint: Endpoint, what: GrpcConnectionMessage['what']): void {
    if (!connections.hasSubscribers) return;
    const message: GrpcConnectionMessage = { service: this.#service, target: this.#target, endpoint, what };
    connections.publish(message);
  }

  #attempt(
    path: string,
    endpoint: Endpoint,
    what: GrpcAttemptMessage['what'],
    name: string | undefined,
    durationMs: number,
  ): void {
    const message: GrpcAttemptMessage = {
      service: this.#service,
      target: this.#target,
      method: path.startsWith('/') ? path.slice(1) : path,
      endpoint,
      what,
      status: name,
      durationMs,
    };
    attempts.publish(message);
  }
}
