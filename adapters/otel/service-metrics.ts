import type { BatchObservableResult, Counter, Histogram, Meter } from '@opentelemetry/api';
import { outcomeName } from '../../src/adapter.js';
import type { CallMessage, EjectionEvent, EndpointState, Service } from '../../src/index.js';
import { LATENCY_BOUNDARIES_S, MS_PER_S } from './boundaries.js';
import { EndpointLabels } from './endpoint-labels.js';

const STATES: readonly EndpointState[] = ['ready', 'unhealthy', 'ejected', 'probing', 'draining'];

interface Figures {
  readonly service: string;
  readonly endpoint: string;
  inflight: number;
  readonly states: number[];
}

/** fairlead's own metrics, for calls through any adapter. */
export class ServiceMetrics {
  readonly #duration: Histogram;
  readonly #ejections: Counter;
  readonly #stopObserving: () => void;
  readonly #labels = new EndpointLabels();
  /** What the latest collection showed. */
  #shown: Map<string, Figures> = new Map();

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
      const gone = this.#shown;
      this.#shown = new Map();
      for (const service of services()) {
        for (const endpoint of service.endpoints) {
          const figures = this.#figures(service.name, this.#labels.of(service.name, endpoint.spec.id));
          figures.inflight += endpoint.inflight;
          figures.states[STATES.indexOf(endpoint.state)]! += 1;
        }
      }
      // Once 0, or a sum over endpoints would go on with what they had when they left.
      for (const [key, { service, endpoint }] of gone) if (!this.#shown.has(key)) this.#figures(service, endpoint);
      for (const [key, { service, endpoint, inflight: calls, states }] of this.#shown) {
        const labels = { 'fairlead.service': service, 'fairlead.endpoint': endpoint };
        result.observe(inflight, calls, labels);
        for (const [i, each] of STATES.entries()) {
          result.observe(state, states[i]!, { ...labels, 'fairlead.endpoint.state': each });
        }
        if (states.every((count) => count === 0)) this.#shown.delete(key);
      }
    };
    meter.addBatchObservableCallback(observe, [inflight, state]);
    this.#stopObserving = () => meter.removeBatchObservableCallback(observe, [inflight, state]);
  }

  #figures(service: string, endpoint: string): Figures {
    const key = `${service}\n${endpoint}`;
    let figures = this.#shown.get(key);
    if (figures === undefined) {
      figures = { service, endpoint, inflight: 0, states: STATES.map(() => 0) };
      this.#shown.set(key, figures);
    }
    return figures;
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
      'fairlead.endpoint': this.#labels.of(service, endpoint.spec.id),
      'fairlead.signal': signal,
    });
  }

  stop(): void {
    this.#stopObserving();
  }
}
