import type { LatencyHistogram, MeshSnapshot, OperationHistogram, ServiceSnapshot } from '../../src/monitor/index.js';
import type { Exemplars } from './exemplars.js';
import type { Family, Label, Sample } from './family.js';
import { renderNumber } from './text.js';

const STATES = ['ready', 'unhealthy', 'ejected', 'probing', 'draining'] as const;
const MS_PER_S = 1_000;
/** What is within an endpoint's own series of latency. */
const QUANTILES = [
  ['0.5', 'p50Ms'],
  ['0.99', 'p99Ms'],
] as const;

const REPEATS = { retries: 'retry', hedges: 'hedge' } as const;

/** Where families of services come from. */
export interface Source {
  readonly snapshot: MeshSnapshot;
  /** Upper ends of the buckets, in seconds. */
  readonly buckets: readonly number[];
  readonly exemplars: Exemplars | undefined;
  latency(service: string): readonly LatencyHistogram[];
  operations(service: string): readonly OperationHistogram[];
}

/** What services and parts show, in the order of the page. */
export function serviceFamilies(source: Source): Family[] {
  const { services } = source.snapshot;
  const each = (read: (service: ServiceSnapshot, label: Label) => Sample[]): Sample[] =>
    services.flatMap((service) => read(service, ['service', service.name]));
  const counter = (name: string, help: string, read: (service: ServiceSnapshot) => number): Family => ({
    name,
    type: 'counter',
    help,
    samples: each((service, label) => [{ suffix: '_total', labels: [label], value: read(service) }]),
  });
  const gauge = (name: string, help: string, read: (service: ServiceSnapshot) => number): Family => ({
    name,
    type: 'gauge',
    help,
    samples: each((service, label) => [{ suffix: '', labels: [label], value: read(service) }]),
  });
  return [
    {
      name: 'fairlead_calls',
      type: 'counter',
      help: 'Calls of a service, each attempt is one, by how they ended.',
      samples: each(({ calls }, label) =>
        Object.entries(calls.outcomes).map(([outcome, value]) => ({
          suffix: '_total',
          labels: [label, ['outcome', outcome]],
          value,
        })),
      ),
    },
    {
      name: 'fairlead_call_duration_seconds',
      type: 'histogram',
      unit: 'seconds',
      help: 'How long calls held an endpoint, each attempt is one, by how they ended.',
      samples: services.flatMap(({ name }) =>
        source.latency(name).flatMap((histogram) => histogramSamples(name, histogram, source)),
      ),
    },
    {
      name: 'fairlead_operation_duration_seconds',
      type: 'histogram',
      unit: 'seconds',
      help: 'How long methods, commands and statements took, as callers see them: repeats are part of one.',
      samples: services.flatMap(({ name }) =>
        source.operations(name).flatMap((operation) => operationSamples(name, operation, source.buckets)),
      ),
    },
    counter('fairlead_retries', 'Attempts after a failed one.', ({ repeats }) => repeats.retries),
    counter('fairlead_hedges', 'Attempts beside a slow one.', ({ repeats }) => repeats.hedges),
    counter('fairlead_hedges_won', 'Hedges that answered first.', ({ repeats }) => repeats.hedgesWon),
    counter(
      'fairlead_repeats_out_of_budget',
      'Repeats and hedges that were due, but the budget was spent.',
      ({ repeats }) => repeats.retriesOutOfBudget + repeats.hedgesOutOfBudget,
    ),
    counter('fairlead_refused', 'Calls refused by a limit or a breaker.', ({ repeats }) => repeats.refused),
    counter('fairlead_fallbacks', 'Calls that no endpoint served, and that got their fallback.', (service) => {
      return service.repeats.fallbacks;
    }),
    counter('fairlead_broken_off', 'Calls that had not ended when their service closed.', (service) => {
      return service.repeats.brokenOff;
    }),
    {
      name: 'fairlead_ejections',
      type: 'counter',
      help: 'Ejections carried out, by the health signal that asked.',
      samples: each(({ ejections }, label) =>
        Object.entries(ejections).map(([signal, value]) => ({
          suffix: '_total',
          labels: [label, ['signal', signal]],
          value,
        })),
      ),
    },
    {
      name: 'fairlead_endpoints',
      type: 'gauge',
      help: 'Endpoints by the state that they are in.',
      samples: each(({ endpoints }, label) =>
        STATES.map((state) => ({
          suffix: '',
          labels: [label, ['state', state]],
          value: endpoints.filter((endpoint) => endpoint.state === state).length,
        })),
      ),
    },
    gauge('fairlead_usable_endpoints', 'Endpoints that may be picked now.', ({ ready }) => ready),
    gauge('fairlead_panic', '1 while so few endpoints are healthy that health is ignored.', ({ panic }) =>
      panic ? 1 : 0,
    ),
    {
      name: 'fairlead_discovery_age_seconds',
      type: 'gauge',
      unit: 'seconds',
      help: 'How long ago the list of endpoints was last confirmed.',
      samples: each(({ discovery }, label) => [
        {
          suffix: '',
          labels: [label, ['source', discovery.source]],
          value: discovery.ageMs === null ? Number.POSITIVE_INFINITY : discovery.ageMs / MS_PER_S,
        },
      ]),
    },
    gauge('fairlead_discovery_failing', '1 while discovery fails.', ({ discovery }) =>
      discovery.error === null ? 0 : 1,
    ),
    partFamily(source.snapshot),
  ];
}

function histogramSamples(service: string, histogram: LatencyHistogram, { buckets, exemplars }: Source): Sample[] {
  const labels: Label[] = [
    ['service', service],
    ['outcome', histogram.outcome],
  ];
  return bucketSamples(labels, histogram, buckets, (i) => exemplars?.of(service, histogram.outcome, i));
}

function operationSamples(service: string, histogram: OperationHistogram, buckets: readonly number[]): Sample[] {
  const { system, operation, status } = histogram;
  const labels: Label[] = [
    ['service', service],
    ['system', system],
    ['operation', operation],
    ['status', status],
  ];
  return bucketSamples(labels, histogram, buckets, () => undefined);
}

function bucketSamples(
  labels: Label[],
  histogram: Pick<LatencyHistogram, 'upTo' | 'sumMs'>,
  buckets: readonly number[],
  exemplar: (bucket: number) => Sample['exemplar'],
): Sample[] {
  const upTo = histogram.upTo(buckets.map((seconds) => seconds * MS_PER_S));
  const samples: Sample[] = upTo.map((value, i) => ({
    suffix: '_bucket',
    labels: [...labels, ['le', renderNumber(buckets[i] ?? Number.POSITIVE_INFINITY)]],
    value,
    exemplar: exemplar(i),
  }));
  samples.push({ suffix: '_sum', labels, value: histogram.sumMs / MS_PER_S });
  samples.push({ suffix: '_count', labels, value: upTo.at(-1)! });
  return samples;
}

function partFamily({ parts }: MeshSnapshot): Family {
  return {
    name: 'fairlead_part',
    type: 'gauge',
    help: 'Figures of what adapters made over the mesh: pools, clients, gateways.',
    samples: parts.flatMap(({ kind, name, figures }) =>
      Object.entries(figures).map(([figure, value]) => ({
        suffix: '',
        labels: [
          ['kind', kind],
          ['part', name],
          ['figure', figure],
        ],
        value,
      })),
    ),
  };
}

/** What endpoints show, each for the ones that `shown` lets have series of their own. */
export function endpointFamilies(
  { services }: MeshSnapshot,
  shown: (service: string, endpoint: string) => boolean,
): Family[] {
  const calls: Sample[] = [];
  const failures: Sample[] = [];
  const ejections: Sample[] = [];
  const inflight: Sample[] = [];
  const attempts: Sample[] = [];
  const refused: Sample[] = [];
  const bytes: Sample[] = [];
  const up: Sample[] = [];
  const weight: Sample[] = [];
  const latency: Sample[] = [];
  for (const service of services) {
    for (const endpoint of service.endpoints) {
      if (!shown(service.name, endpoint.id)) continue;
      const labels: Label[] = [
        ['service', service.name],
        ['endpoint', endpoint.id],
      ];
      if (endpoint.calls !== null) {
        calls.push({ suffix: '_total', labels, value: endpoint.calls.total });
        failures.push({ suffix: '_total', labels, value: endpoint.calls.failures });
        for (const [quantile, figure] of QUANTILES) {
          const value = endpoint.calls.last1m[figure];
          if (value === null) continue;
          latency.push({ suffix: '', labels: [...labels, ['quantile', quantile]], value: value / MS_PER_S });
        }
      }
      ejections.push({ suffix: '_total', labels, value: endpoint.ejections });
      for (const repeat of ['retries', 'hedges'] as const) {
        const value = endpoint[repeat];
        if (value > 0) attempts.push({ suffix: '_total', labels: [...labels, ['repeat', REPEATS[repeat]]], value });
      }
      if (endpoint.refused > 0) refused.push({ suffix: '_total', labels, value: endpoint.refused });
      if (endpoint.sentBytes + endpoint.receivedBytes > 0) {
        bytes.push({ suffix: '_total', labels: [...labels, ['direction', 'sent']], value: endpoint.sentBytes });
        bytes.push({ suffix: '_total', labels: [...labels, ['direction', 'received']], value: endpoint.receivedBytes });
      }
      inflight.push({ suffix: '', labels, value: endpoint.inflight });
      up.push({ suffix: '', labels, value: endpoint.state === 'ready' ? 1 : 0 });
      weight.push({ suffix: '', labels, value: endpoint.weight });
    }
  }
  return [
    {
      name: 'fairlead_endpoint_calls',
      type: 'counter',
      help: 'Calls of an endpoint, each attempt is one.',
      samples: calls,
    },
    {
      name: 'fairlead_endpoint_failures',
      type: 'counter',
      help: 'Of these, those that spoke against the endpoint.',
      samples: failures,
    },
    { name: 'fairlead_endpoint_ejections', type: 'counter', help: 'Ejections of an endpoint.', samples: ejections },
    {
      name: 'fairlead_endpoint_repeats',
      type: 'counter',
      help: 'Calls of an endpoint that were repeats or hedges of others.',
      samples: attempts,
    },
    {
      name: 'fairlead_endpoint_refused',
      type: 'counter',
      help: 'Calls that limits or the breaker of an endpoint did not let pass.',
      samples: refused,
    },
    {
      name: 'fairlead_endpoint_payload_bytes',
      type: 'counter',
      unit: 'bytes',
      help: 'Payload to an endpoint and from it, where its adapter knows it.',
      samples: bytes,
    },
    { name: 'fairlead_endpoint_inflight', type: 'gauge', help: 'Calls in progress on an endpoint.', samples: inflight },
    { name: 'fairlead_endpoint_ready', type: 'gauge', help: '1 where it is ready, else 0.', samples: up },
    { name: 'fairlead_endpoint_weight', type: 'gauge', help: 'Its weight as it counts now.', samples: weight },
    {
      name: 'fairlead_endpoint_latency_seconds',
      type: 'gauge',
      unit: 'seconds',
      help: 'Quantiles of how long its calls of the last minute took.',
      samples: latency,
    },
  ];
}
