import { channel } from 'node:diagnostics_channel';
import { status } from '@grpc/grpc-js';
import { type CallCounter, callCounter, type Weighing } from '../../../src/adapter.js';
import type { Clock, Endpoint, Service } from '../../../src/index.js';
import type { GrpcAttemptMessage, GrpcCallMessage, GrpcConnectionMessage, GrpcWeighingMessage } from '../messages.js';
import type { GrpcCounts, MethodCounts, Repeats } from './method-counts.js';

const calls = channel('fairlead:grpc:call');
const attempts = channel('fairlead:grpc:attempt');
const connections = channel('fairlead:grpc:connection');
const weighings = channel('fairlead:grpc:weighing');

const MICROS_PER_MS = 1_000;

/** What of an attempt is not the channel's; read at once. */
export interface AttemptFigures {
  readonly endpoint: Endpoint | undefined;
  /** Negative while it goes on. */
  readonly durationMicros: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

export interface CallFigures extends Repeats {
  readonly durationMicros: number;
  readonly retryDelayMicros: number;
}

/**
 * Counts what one gRPC channel does while figures are read, and publishes it to the diagnostics
 * channels while those have subscribers. Costs two comparisons while there are neither.
 */
export class ChannelTelemetry {
  readonly clock: Clock;
  readonly #upstream: Service;
  readonly #target: string;
  readonly #counts: GrpcCounts;
  readonly #counter: CallCounter;

  constructor(upstream: Service, target: string, clock: Clock, counts: GrpcCounts) {
    this.#upstream = upstream;
    this.#target = target;
    this.#counts = counts;
    this.#counter = callCounter(upstream, 'grpc');
    this.clock = clock;
  }

  /** Whether calls are to be followed: those that begin meanwhile are. */
  get followsCalls(): boolean {
    return this.#counter.on || calls.hasSubscribers || attempts.hasSubscribers;
  }

  /** Where a call that begins now is counted; undefined where nobody reads figures. */
  countsOf(path: string): MethodCounts | undefined {
    return this.#counter.on ? this.#counts.of(this.#target, methodOf(path)) : undefined;
  }

  call(path: string, counts: MethodCounts | undefined, code: status, figures: CallFigures): void {
    if (counts !== undefined) {
      const { durationMicros } = figures;
      counts.callEnded(code, durationMicros, figures.retryDelayMicros, figures);
      this.#counter.operations.of(counts.method, nameOf(code), code !== status.OK).add(durationMicros);
    }
    if (!calls.hasSubscribers) return;
    const message: GrpcCallMessage = {
      service: this.#upstream.name,
      upstream: this.#upstream,
      target: this.#target,
      method: methodOf(path),
      status: nameOf(code),
      durationMs: figures.durationMicros / MICROS_PER_MS,
      retries: figures.retries,
      hedges: figures.hedges,
      transparentRetries: figures.transparentRetries,
      retryDelayMs: figures.retryDelayMicros / MICROS_PER_MS,
    };
    calls.publish(message);
  }

  /** An attempt began, or, where there is a code, ended. */
  attempt(path: string, counts: MethodCounts | undefined, code: status | undefined, figures: AttemptFigures): void {
    if (counts !== undefined) {
      if (code === undefined) counts.started[0]!++;
      else counts.attemptEnded(code, figures.durationMicros, figures.sentBytes, figures.receivedBytes);
      if (code !== undefined && figures.endpoint !== undefined)
        this.#counter.bytes(figures.endpoint, figures.sentBytes, figures.receivedBytes);
    }
    if (!attempts.hasSubscribers) return;
    const message: GrpcAttemptMessage = {
      service: this.#upstream.name,
      upstream: this.#upstream,
      target: this.#target,
      method: methodOf(path),
      endpoint: figures.endpoint,
      what: code === undefined ? 'started' : 'ended',
      status: code === undefined ? undefined : nameOf(code),
      durationMs: code === undefined ? Number.NaN : figures.durationMicros / MICROS_PER_MS,
      sentBytes: figures.sentBytes,
      receivedBytes: figures.receivedBytes,
    };
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
}

/** Paths are few, and the texts of one are equal: cut once for each. */
const methods = new Map<string, string>();
const MAX_METHODS = 4_000;

export function methodOf(path: string): string {
  let method = methods.get(path);
  if (method !== undefined) return method;
  method = path.startsWith('/') ? path.slice(1) : path;
  if (methods.size < MAX_METHODS) methods.set(path, method);
  return method;
}

/** A code that gRPC does not know is reported as gRPC libraries read it: UNKNOWN. */
function nameOf(code: status): string {
  return status[code] ?? 'UNKNOWN';
}
