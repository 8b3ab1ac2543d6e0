import type { Counter, Histogram } from '@opentelemetry/api';
import type { GrpcAttemptMessage, GrpcCallMessage } from '../grpc/messages.js';
import {
  LATENCY_BOUNDARIES_S,
  MS_PER_S,
  REPEAT_BOUNDARIES,
  SIZE_BOUNDARIES,
  TRANSPARENT_RETRY_BOUNDARIES,
} from './boundaries.js';
import type { SyncMeter } from './own-meter.js';

/** Calls of gRPC channels and their attempts: gRFC A66, and A96 for retries and hedges. */
export class GrpcCallMetrics {
  readonly #started: Counter;
  readonly #attemptDuration: Histogram;
  readonly #sent: Histogram;
  readonly #received: Histogram;
  readonly #callDuration: Histogram;
  readonly #retries: Histogram;
  readonly #transparentRetries: Histogram;
  readonly #hedges: Histogram;
  readonly #retryDelay: Histogram;

  constructor(meter: SyncMeter) {
    const histogram = (
      name: string,
      unit: string,
      explicitBucketBoundaries: number[],
      description: string,
    ): Histogram => meter.createHistogram(name, { description, unit, advice: { explicitBucketBoundaries } });
    this.#started = meter.createCounter('grpc.client.attempt.started', {
      description: 'The total number of RPC attempts started, including those that have not completed.',
      unit: '{attempt}',
    });
    this.#attemptDuration = histogram(
      'grpc.client.attempt.duration',
      's',
      LATENCY_BOUNDARIES_S,
      'End-to-end time taken to complete an RPC attempt including the time it takes to pick a subchannel.',
    );
    this.#sent = histogram(
      'grpc.client.attempt.sent_total_compressed_message_size',
      'By',
      SIZE_BOUNDARIES,
      'Total bytes (compressed but not encrypted) sent across all request messages per RPC attempt.',
    );
    this.#received = histogram(
      'grpc.client.attempt.rcvd_total_compressed_message_size',
      'By',
      SIZE_BOUNDARIES,
      'Total bytes (compressed but not encrypted) received across all response messages per RPC attempt.',
    );
    this.#callDuration = histogram(
      'grpc.client.call.duration',
      's',
      LATENCY_BOUNDARIES_S,
      "End-to-end time taken to complete an RPC from the application's perspective.",
    );
    this.#retries = histogram(
      'grpc.client.call.retries',
      '{retry}',
      REPEAT_BOUNDARIES,
      'Number of retries during the client call.',
    );
    this.#transparentRetries = histogram(
      'grpc.client.call.transparent_retries',
      '{transparent_retry}',
      TRANSPARENT_RETRY_BOUNDARIES,
      'Number of transparent retries during the client call.',
    );
    this.#hedges = histogram(
      'grpc.client.call.hedges',
      '{hedge}',
      REPEAT_BOUNDARIES,
      'Number of hedges during the client call.',
    );
    this.#retryDelay = histogram(
      'grpc.client.call.retry_delay',
      's',
      LATENCY_BOUNDARIES_S,
      'Total time of delay while there is no active attempt during the client call.',
    );
  }

  attempt({ target, method, what, status, durationMs, sentBytes, receivedBytes }: GrpcAttemptMessage): void {
    const labels = { 'grpc.method': method, 'grpc.target': target };
    if (what === 'started') {
      this.#started.add(1, labels);
      return;
    }
    const ended = { ...labels, 'grpc.status': status ?? 'UNKNOWN' };
    this.#attemptDuration.record(durationMs / MS_PER_S, ended);
    this.#sent.record(sentBytes, ended);
    this.#received.record(receivedBytes, ended);
  }

  call({ target, method, status, durationMs, ...call }: GrpcCallMessage): void {
    const labels = { 'grpc.method': method, 'grpc.target': target };
    this.#callDuration.record(durationMs / MS_PER_S, { ...labels, 'grpc.status': status });
    // A96: where there were none, 0 is not reported.
    if (call.retries > 0) this.#retries.record(call.retries, labels);
    if (call.transparentRetries > 0) this.#transparentRetries.record(call.transparentRetries, labels);
    if (call.hedges > 0) this.#hedges.record(call.hedges, labels);
    this.#retryDelay.record(call.retryDelayMs / MS_PER_S, labels);
  }
}
