import type { BatchObservableResult, Counter, Histogram, Meter } from '@opentelemetry/api';
import { outcomeName } from '../../src/adapter.js';
import type { CallMessage, EjectionEvent, EndpointState, Service } from '../../src/index.js';
import { LATENCY_BOUNDARIES_S, MS_PER_S } from './boundaries.js';

const STATES: readonly EndpointState[] = ['ready', 'unhealthy', 'ejected', 'probing', 'draining'];

/** fairlead's own metrics, for calls through whatever adapter. */
export class ServiceMetrics {
  readonly #duration: Histogram;
  readonly #ejections: Counter;
  readonly #stopObserving: () => void;

  /** `services` is asked at every collection. */
  constructor(meter: Meter, services: () => Iterable<Service>) {
    this.#duration = meter.createHistogram('fairlead.call.duration', {
      description: 'Time that calls held an endpoint, per attempt; of services that measure latency',
      unit: 's',
      advice: { explicitBucketBoundaries: LATENCY_BOUNDARIES_S },
    });
    this.#ejections = meter.createCounter('fairlead.endpoint.ejections', {
      description: 'Ejections of endpoints that were carried out',
      unit: '{ejection}',
    });
    const inflight = meter.createObservableUpDownCounter('fairlead.endpoint.inflight', {
      description: 'Calls in progress on an endpoint, counted from their pick',
      unit: '{call}',
    });
    const state = meter.createObservableUpDownCounter('fairlead.endpoint.state', {
      description: '1 for the state that an endpoint is in, 0 for the others',
      unit: '1',
    });
    const observe = (result: BatchObservableResult): void => {
      for (const service of services()) {
        for (const endpoint of service.endpoints) {
          const labels = { 'fairlead.service': service.name, 'fairlead.endpoint': endpoint.spec.id };
          result.observe(inflight, endpoint.inflight, labels);
          for (const each of STATES) {
            result.observe(state, endpoint.state === each ? 1 : 0, { ...labels, 'fairlead.endpoint.state': each });
          }
        }
      }
    };
    meter.addBatchObservableCallback(observe, [inflight, state]);
    this.#stopObserving = () => meter.removeBatchObservableCallback(observe, [inflight, state]);
  }

  called({ service, outcome, latencyMs }: CallMessage): void {
    // Negative where the clock of the lease, which has 32 bits, went round.
    if (!(latencyMs >= 0)) return;
    this.#duration.record(latencyMs / MS_PER_S, {
      'fairlead.service': service,
      'fairlead.outcome': outcomeName(outcome),
    });
  }

  ejected(service: string, { endpoint, signal, enforced }: EjectionEvent): void {
    if (!enforced) return;
    this.#ejections.add(1, {
      'fairlead.service': service,
      'fairlead.endpoint': endpoint.spec.id,
      'fairlead.signal': signal,
    });
  }

  stop(): void {
    this.#stopObserving();
  }
}
