import type { EndpointSnapshot, MeshFigures, ServiceSnapshot } from '../../src/monitor/index.js';
import { LATENCY_BOUNDARIES_S, MS_PER_S } from './boundaries.js';
import { describedMetrics } from './described-metrics.js';
import { type EndpointAttributes, type KeptAttributes, STATES } from './endpoint-attributes.js';
import { gauge, type HistogramValue, histogram, type Metric, type Span, sum, type Values } from './metric-data.js';

const OTHER = 'other';
/** Of one part: the bound that the SDK has for a metric. */
const MAX_FIGURES = 2_000;
const BOUNDARIES_MS = LATENCY_BOUNDARIES_S.map((seconds) => seconds * MS_PER_S);

/** fairlead's own metrics, made of what was counted, as of now. */
export function meshMetrics(figures: MeshFigures, span: Span, maxEndpoints: number, kept: KeptAttributes): Metric[] {
  const snapshot = figures.read();
  const { services, parts } = snapshot;
  const each = (read: (service: ServiceSnapshot) => number): Values<number> =>
    services.map((service) => [{ 'fairlead.service': service.name }, read(service)]);
  const groups = groupEndpoints(services, maxEndpoints, kept);
  const ofEndpoints = (read: (endpoint: EndpointSnapshot) => number): Values<number> =>
    groups.map(({ attributes, endpoints }) => [attributes.own, endpoints.reduce((all, one) => all + read(one), 0)]);
  // What the others have together falls when one of them leaves: no counter.
  const own = groups.filter(({ shared }) => !shared);
  const ofOwn = (read: (endpoint: EndpointSnapshot) => number): Values<number> =>
    own.map(({ attributes, endpoints: [one] }) => [attributes.own, read(one!)]);
  return [
    histogram(
      {
        name: 'fairlead.call.duration',
        description: 'Time that calls held an endpoint, per attempt',
        unit: 's',
      },
      span,
      services.flatMap(({ name }) => durations(name, figures)),
    ),
    sum(
      {
        name: 'fairlead.call.repeats',
        description: 'Attempts after a failed one, or beside a slow one',
        unit: '{attempt}',
      },
      span,
      services.flatMap(({ name, repeats }) => [
        [{ 'fairlead.service': name, 'fairlead.repeat': 'retry' }, repeats.retries] as const,
        [{ 'fairlead.service': name, 'fairlead.repeat': 'hedge' }, repeats.hedges] as const,
      ]),
    ),
    sum(
      { name: 'fairlead.call.refused', description: 'Calls refused by a limit or a breaker', unit: '{call}' },
      span,
      each(({ repeats }) => repeats.refused),
    ),
    sum(
      { name: 'fairlead.call.fallbacks', description: 'Calls that got their fallback', unit: '{call}' },
      span,
      each(({ repeats }) => repeats.fallbacks),
    ),
    sum(
      {
        name: 'fairlead.call.broken_off',
        description: 'Calls that had not ended when their service closed',
        unit: '{call}',
      },
      span,
      each(({ repeats }) => repeats.brokenOff),
    ),
    sum(
      { name: 'fairlead.ejections', description: 'Ejections that were carried out', unit: '{ejection}' },
      span,
      services.flatMap(({ name, ejections }) =>
        Object.entries(ejections).map(
          ([signal, count]) => [{ 'fairlead.service': name, 'fairlead.signal': signal }, count] as const,
        ),
      ),
    ),
    ...describedMetrics(snapshot, span),
    sum(
      { name: 'fairlead.service.usable', description: 'Endpoints that may be picked now', unit: '{endpoint}' },
      span,
      each(({ ready }) => ready),
      false,
    ),
    gauge(
      { name: 'fairlead.service.panic', description: '1 while health is ignored', unit: '1' },
      span,
      each(({ panic }) => (panic ? 1 : 0)),
    ),
    gauge(
      { name: 'fairlead.discovery.age', description: 'Since the list of endpoints was last confirmed', unit: 's' },
      span,
      services.flatMap(({ name, discovery }) =>
        discovery.ageMs === null ? [] : [[{ 'fairlead.service': name }, discovery.ageMs / MS_PER_S] as const],
      ),
    ),
    sum(
      {
        name: 'fairlead.endpoint.repeats',
        description: 'Calls of an endpoint that were repeats or hedges of others',
        unit: '{call}',
      },
      span,
      own.flatMap(({ attributes, endpoints: [one] }) => [
        [attributes.retry, one!.retries] as const,
        [attributes.hedge, one!.hedges] as const,
      ]),
    ),
    sum(
      {
        name: 'fairlead.endpoint.refused',
        description: 'Calls that limits or the breaker of an endpoint did not let pass',
        unit: '{call}',
      },
      span,
      ofOwn(({ refused }) => refused),
    ),
    sum(
      { name: 'fairlead.endpoint.sent', description: 'Payload that went to an endpoint', unit: 'By' },
      span,
      ofOwn(({ sentBytes }) => sentBytes),
    ),
    sum(
      { name: 'fairlead.endpoint.received', description: 'Payload that came from an endpoint', unit: 'By' },
      span,
      ofOwn(({ receivedBytes }) => receivedBytes),
    ),
    sum(
      { name: 'fairlead.endpoint.inflight', description: 'Calls in progress on an endpoint', unit: '{call}' },
      span,
      ofEndpoints(({ inflight }) => inflight),
      false,
    ),
    sum(
      {
        name: 'fairlead.endpoint.state',
        description: '1 for the state that an endpoint is in, 0 for the others',
        unit: '1',
      },
      span,
      groups.flatMap(({ attributes, endpoints }) =>
        STATES.map((state, i) => {
          let count = 0;
          for (const endpoint of endpoints) if (endpoint.state === state) count++;
          return [attributes.states[i]!, count] as const;
        }),
      ),
      false,
    ),
    gauge(
      { name: 'fairlead.part', description: 'Figures of what adapters made over the mesh', unit: '1' },
      span,
      parts.flatMap(({ kind, name, figures: numbers }) =>
        Object.entries(numbers)
          .slice(0, MAX_FIGURES)
          .map(
            ([figure, value]) =>
              [
                { 'fairlead.part.kind': kind, 'fairlead.part.name': name, 'fairlead.part.figure': figure },
                value,
              ] as const,
          ),
      ),
    ),
  ];
}

function durations(service: string, figures: MeshFigures): Values<HistogramValue> {
  return figures.latency(service).map((latency) => {
    const upTo = latency.upTo(BOUNDARIES_MS);
    const counts = upTo.map((count, i) => count - (upTo[i - 1] ?? 0));
    const value = {
      buckets: { boundaries: LATENCY_BOUNDARIES_S, counts },
      sum: latency.sumMs / MS_PER_S,
      count: upTo.at(-1)!,
    };
    return [{ 'fairlead.service': service, 'fairlead.outcome': latency.outcome }, value];
  });
}

interface EndpointGroup {
  readonly attributes: EndpointAttributes;
  /** Of those that have no series of their own. */
  readonly shared: boolean;
  readonly endpoints: EndpointSnapshot[];
}

/** The first endpoints for themselves, the others of each service together. */
function groupEndpoints(services: readonly ServiceSnapshot[], max: number, kept: KeptAttributes): EndpointGroup[] {
  kept.begin();
  const groups: EndpointGroup[] = [];
  let own = 0;
  for (const { name, endpoints } of services) {
    let others: EndpointGroup | undefined;
    for (const endpoint of endpoints) {
      if (own < max) {
        own++;
        groups.push({ attributes: kept.of(name, endpoint.id), shared: false, endpoints: [endpoint] });
      } else if (others === undefined) {
        others = { attributes: kept.of(name, OTHER), shared: true, endpoints: [endpoint] };
        groups.push(others);
      } else others.endpoints.push(endpoint);
    }
  }
  return groups;
}
