import type { Attributes, Counter, Histogram } from '@opentelemetry/api';
import type { GrpcAttemptMessage, GrpcCallMessage } from '../grpc/messages.js';
import { MS_PER_S } from './boundaries.js';
import { ATTEMPTS_STARTED, CALL_HISTOGRAMS, type CallInstrument } from './grpc-call-instruments.js';
import type { SyncMeter } from './own-meter.js';

/** So many sets of attributes are kept to be used again; what comes beyond is made each time. */
const MAX_KEPT = 2_000;

/**
 * Calls of gRPC channels and their attempts by the instruments of a meter: some six records a call,
 * of about a microsecond each in the SDK.
 */
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
  /** By target, method and status. */
  readonly #attributes = new Map<string, Map<string, Map<string, Attributes>>>();
  #kept = 0;

  constructor(meter: SyncMeter) {
    const histogram = ({ name, unit, description, boundaries }: CallInstrument): Histogram =>
      meter.createHistogram(name, { description, unit, advice: { explicitBucketBoundaries: boundaries } });
    const { name, unit, description } = ATTEMPTS_STARTED;
    this.#started = meter.createCounter(name, { description, unit });
    this.#attemptDuration = histogram(CALL_HISTOGRAMS.attemptDuration);
    this.#sent = histogram(CALL_HISTOGRAMS.sent);
    this.#received = histogram(CALL_HISTOGRAMS.received);
    this.#callDuration = histogram(CALL_HISTOGRAMS.callDuration);
    this.#retries = histogram(CALL_HISTOGRAMS.retries);
    this.#transparentRetries = histogram(CALL_HISTOGRAMS.transparentRetries);
    this.#hedges = histogram(CALL_HISTOGRAMS.hedges);
    this.#retryDelay = histogram(CALL_HISTOGRAMS.retryDelay);
  }

  attempt({ target, method, what, status = '', durationMs, sentBytes, receivedBytes }: GrpcAttemptMessage): void {
    if (what === 'started') {
      this.#started.add(1, this.#of(target, method, ''));
      return;
    }
    const ended = this.#of(target, method, status === '' ? 'UNKNOWN' : status);
    this.#attemptDuration.record(durationMs / MS_PER_S, ended);
    this.#sent.record(sentBytes, ended);
    this.#received.record(receivedBytes, ended);
  }

  call(call: GrpcCallMessage): void {
    const { target, method } = call;
    const labels = this.#of(target, method, '');
    this.#callDuration.record(call.durationMs / MS_PER_S, this.#of(target, method, call.status));
    // A96: where there were none, 0 is not reported.
    if (call.retries > 0) this.#retries.record(call.retries, labels);
    if (call.transparentRetries > 0) this.#transparentRetries.record(call.transparentRetries, labels);
    if (call.hedges > 0) this.#hedges.record(call.hedges, labels);
    this.#retryDelay.record(call.retryDelayMs / MS_PER_S, labels);
  }

  /** Made once: `status` is '' where it is no attribute. */
  #of(target: string, method: string, status: string): Attributes {
    const known = this.#attributes.get(target)?.get(method)?.get(status);
    if (known !== undefined) return known;
    const attributes: Attributes = { 'grpc.method': method, 'grpc.target': target };
    if (status !== '') attributes['grpc.status'] = status;
    if (this.#kept < MAX_KEPT) this.#keep(target, method, status, attributes);
    return attributes;
  }

  #keep(target: string, method: string, status: string, attributes: Attributes): void {
    const methods = this.#attributes.get(target) ?? new Map<string, Map<string, Attributes>>();
    const statuses = methods.get(method) ?? new Map<string, Attributes>();
    this.#attributes.set(target, methods);
    methods.set(method, statuses);
    statuses.set(status, attributes);
    this.#kept++;
  }
}
