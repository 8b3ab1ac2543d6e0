import type { Counter, Histogram } from '@opentelemetry/api';
import type { GrpcWeighingMessage } from '../grpc/messages.js';
import type { SyncMeter } from './own-meter.js';

/** `weighted_round_robin` over reported load in gRPC channels: gRFC A78. */
export class GrpcWeighingMetrics {
  readonly #fallback: Counter;
  readonly #notYetUsable: Counter;
  readonly #stale: Counter;
  readonly #weights: Histogram;

  constructor(meter: SyncMeter) {
    this.#fallback = meter.createCounter('grpc.lb.wrr.rr_fallback', {
      description:
        'Number of scheduler updates in which there were not enough endpoints with valid weight, which caused the ' +
        'WRR policy to fall back to RR behavior.',
      unit: '{update}',
    });
    this.#notYetUsable = meter.createCounter('grpc.lb.wrr.endpoint_weight_not_yet_usable', {
      description: "Number of endpoints from each scheduler update that don't yet have usable weight information.",
      unit: '{endpoint}',
    });
    this.#stale = meter.createCounter('grpc.lb.wrr.endpoint_weight_stale', {
      description:
        'Number of endpoints from each scheduler update whose latest weight is older than the expiration period.',
      unit: '{endpoint}',
    });
    this.#weights = meter.createHistogram('grpc.lb.wrr.endpoint_weights', {
      description: 'Weight of each endpoint, recorded on every scheduler update.',
      unit: '{weight}',
    });
  }

  weighed({ target, weights, notYetUsable, stale, fallback }: GrpcWeighingMessage): void {
    const labels = { 'grpc.target': target };
    if (fallback) this.#fallback.add(1, labels);
    if (notYetUsable > 0) this.#notYetUsable.add(notYetUsable, labels);
    if (stale > 0) this.#stale.add(stale, labels);
    for (const weight of weights) this.#weights.record(weight, labels);
  }
}
