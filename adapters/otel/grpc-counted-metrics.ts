import type { Attributes } from '@opentelemetry/api';
import type { Mesh } from '../../src/index.js';
import type { Counted, GrpcPart, MethodCounts } from '../grpc/index.js';
import { MS_PER_S } from './boundaries.js';
import { ATTEMPTS_STARTED, CALL_HISTOGRAMS, type CallInstrument } from './grpc-call-instruments.js';
import { type HistogramValue, histogram, type Metric, type Span, sum, type Values } from './metric-data.js';

/** In the order of gRPC's codes. */
const STATUSES = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
];

type Durations = MethodCounts['retryDelay'];

/** Calls of gRPC channels and their attempts, as they were counted: no message, no record. */
export class GrpcCountedMetrics {
  readonly #mesh: Mesh;
  /** Those that were closed are still to be exported. */
  readonly #parts = new Set<GrpcPart>();

  constructor(mesh: Mesh) {
    this.#mesh = mesh;
  }

  collect(span: Span): Metric[] {
    for (const part of this.#mesh.parts) if (part.kind === 'grpc') this.#parts.add(part as GrpcPart);
    const methods = [...this.#parts].flatMap(({ counts }) => counts.all);
    const started: Values<number> = methods
      .filter(({ started: [count] }) => count! > 0)
      .map((each) => [labelsOf(each), each.started[0]!]);
    const ended = methods.flatMap((method) =>
      method.attempts.flatMap((counts, code) =>
        counts === undefined ? [] : [{ labels: withStatus(method, code), counts }],
      ),
    );
    const calls = methods.flatMap((method) =>
      method.calls.flatMap((durations, code) =>
        durations === undefined ? [] : [[withStatus(method, code), ofDurations(durations)] as const],
      ),
    );
    const repeats = (read: (method: MethodCounts) => Counted, boundaries: number[]): Values<HistogramValue> =>
      methods
        .filter((method) => read(method).sum[0]! > 0)
        .map((method) => [labelsOf(method), ofCounted(read(method), boundaries, (repeat) => repeat)]);
    const sizes = (read: (counts: (typeof ended)[number]['counts']) => Counted): Values<HistogramValue> =>
      ended.map(({ labels, counts }) => [
        labels,
        ofCounted(read(counts), CALL_HISTOGRAMS.sent.boundaries, placeOfSize),
      ]);
    const { retries, transparentRetries, hedges } = CALL_HISTOGRAMS;
    const all: [CallInstrument, Values<HistogramValue>][] = [
      [
        CALL_HISTOGRAMS.attemptDuration,
        ended.map(({ labels, counts }) => [labels, ofDurations(counts.durations)] as const),
      ],
      [CALL_HISTOGRAMS.sent, sizes(({ sent }) => sent)],
      [CALL_HISTOGRAMS.received, sizes(({ received }) => received)],
      [CALL_HISTOGRAMS.callDuration, calls],
      [retries, repeats((method) => method.retries, retries.boundaries)],
      [transparentRetries, repeats((method) => method.transparentRetries, transparentRetries.boundaries)],
      [hedges, repeats((method) => method.hedges, hedges.boundaries)],
      [
        CALL_HISTOGRAMS.retryDelay,
        methods
          .filter(({ retryDelay }) => retryDelay.count > 0)
          .map((method) => [labelsOf(method), ofDurations(method.retryDelay)] as const),
      ],
    ];
    return [
      sum(ATTEMPTS_STARTED, span, started),
      ...all.map(([{ name, unit, description }, values]) => histogram({ name, unit, description }, span, values)),
    ].filter(({ dataPoints }) => dataPoints.length > 0);
  }
}

/** gRPC has no word for the methods beyond the bound; the SDK's is this. */
const OTHER = '_OTHER';

function labelsOf({ target, method }: MethodCounts): Attributes {
  if (method === OTHER) return { 'grpc.target': target, 'otel.metric.overflow': true };
  return { 'grpc.method': method, 'grpc.target': target };
}

const withStatus = (method: MethodCounts, code: number): Attributes => ({
  ...labelsOf(method),
  'grpc.status': STATUSES[code]!,
});

function ofDurations(durations: Durations): HistogramValue {
  const { boundaries } = CALL_HISTOGRAMS.callDuration;
  const upTo = durations.upTo(boundaries.map((seconds) => seconds * MS_PER_S));
  return {
    buckets: { boundaries, counts: upTo.map((count, i) => count - (upTo[i - 1] ?? 0)) },
    sum: durations.sumMs / MS_PER_S,
    count: upTo.at(-1)!,
  };
}

/** Sizes are counted by the power of two that they do not exceed; none are the first place. */
const placeOfSize = (boundary: number): number => (boundary === 0 ? 0 : Math.log2(boundary) + 1);

/** `placeOf` is the last place that counts to a boundary. */
function ofCounted(
  { counts, sum: total }: Counted,
  boundaries: number[],
  placeOf: (boundary: number) => number,
): HistogramValue {
  const last = counts.length - 1;
  const buckets: number[] = [];
  let from = 0;
  for (const place of [...boundaries.map(placeOf), last]) {
    buckets.push(counts.subarray(from, place + 1).reduce((all, count) => all + count, 0));
    from = place + 1;
  }
  return {
    buckets: { boundaries, counts: buckets },
    sum: total[0]!,
    count: counts.reduce((all, count) => all + count, 0),
  };
}
