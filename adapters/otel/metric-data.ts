import { type Attributes, type HrTime, ValueType } from '@opentelemetry/api';

/**
 * Metrics as a `MetricReader` of the SDK takes them from a `MetricProducer`: its types, written
 * down here, since of OpenTelemetry only the API is needed. The numbers are those of its enums.
 */
const HISTOGRAM = 0;
const GAUGE = 2;
const SUM = 3;
const CUMULATIVE = 1;

export interface Point<T> {
  readonly startTime: HrTime;
  readonly endTime: HrTime;
  readonly attributes: Attributes;
  readonly value: T;
}

export interface HistogramValue {
  readonly buckets: { boundaries: number[]; counts: number[] };
  readonly sum: number;
  readonly count: number;
}

interface Descriptor {
  readonly name: string;
  readonly description: string;
  readonly unit: string;
  readonly valueType: ValueType;
}

interface Common {
  readonly descriptor: Descriptor;
  readonly aggregationTemporality: typeof CUMULATIVE;
}

export type Metric = Common &
  (
    | { readonly dataPointType: typeof SUM; readonly dataPoints: Point<number>[]; readonly isMonotonic: boolean }
    | { readonly dataPointType: typeof GAUGE; readonly dataPoints: Point<number>[] }
    | { readonly dataPointType: typeof HISTOGRAM; readonly dataPoints: Point<HistogramValue>[] }
  );

export interface MetricInfo {
  readonly name: string;
  readonly description: string;
  readonly unit: string;
}

/** When points began and when they are read. */
export interface Span {
  readonly startTime: HrTime;
  readonly endTime: HrTime;
}

const MS_PER_S = 1_000;
const NS_PER_MS = 1_000_000;

/** Milliseconds since 1970 as OpenTelemetry writes them. */
export function hrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / MS_PER_S);
  return [seconds, Math.round((ms - seconds * MS_PER_S) * NS_PER_MS)];
}

function common(info: MetricInfo): Common {
  return { descriptor: { ...info, valueType: ValueType.DOUBLE }, aggregationTemporality: CUMULATIVE };
}

export type Values<T> = readonly (readonly [attributes: Attributes, value: T])[];

/** There may be many thousands: without a spread, which takes half the time of a collection. */
function points<T>({ startTime, endTime }: Span, values: Values<T>): Point<T>[] {
  return values.map(([attributes, value]) => ({ startTime, endTime, attributes, value }));
}

export function sum(info: MetricInfo, span: Span, values: Values<number>, isMonotonic = true): Metric {
  return { ...common(info), dataPointType: SUM, dataPoints: points(span, values), isMonotonic };
}

export function gauge(info: MetricInfo, span: Span, values: Values<number>): Metric {
  return { ...common(info), dataPointType: GAUGE, dataPoints: points(span, values) };
}

export function histogram(info: MetricInfo, span: Span, values: Values<HistogramValue>): Metric {
  return { ...common(info), dataPointType: HISTOGRAM, dataPoints: points(span, values) };
}
