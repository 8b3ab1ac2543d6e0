import type { Attributes, Counter, Histogram, Meter, MetricOptions, UpDownCounter } from '@opentelemetry/api';
import { type HistogramValue, histogram, type Metric, type MetricInfo, type Span, sum } from './metric-data.js';

/** The bound of the SDK: what comes beyond shares one series. */
const MAX_SERIES = 2_000;
const OVERFLOW: Attributes = { 'otel.metric.overflow': true };
const NO_LABELS: Attributes = {};

/** What is needed of a Meter, of the SDK's or of this one. */
export type SyncMeter = Pick<Meter, 'createCounter' | 'createHistogram' | 'createUpDownCounter'>;

/** Series by their attributes, whose values are texts: their keys come in one order per metric. */
class Series<T> {
  readonly #make: () => T;
  readonly #series = new Map<string, { readonly attributes: Attributes; readonly value: T }>();

  constructor(make: () => T) {
    this.#make = make;
  }

  of(attributes: Attributes = NO_LABELS): T {
    let key = '';
    for (const name in attributes) key += `${attributes[name] as string}\n`;
    const known = this.#series.get(key);
    if (known !== undefined) return known.value;
    if (this.#series.size >= MAX_SERIES && attributes !== OVERFLOW) return this.of(OVERFLOW);
    const value = this.#make();
    this.#series.set(key, { attributes: { ...attributes }, value });
    return value;
  }

  read<V>(of: (value: T) => V): [Attributes, V][] {
    return [...this.#series.values()].map(({ attributes, value }) => [attributes, of(value)]);
  }
}

/** The values above each boundary, their sum, and how many there are. */
class Distribution {
  readonly #boundaries: number[];
  readonly #counts: number[];
  #sum = 0;

  constructor(boundaries: number[]) {
    this.#boundaries = boundaries;
    this.#counts = new Array<number>(boundaries.length + 1).fill(0);
  }

  record(value: number): void {
    let low = 0;
    let high = this.#boundaries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (value <= this.#boundaries[middle]!) high = middle;
      else low = middle + 1;
    }
    this.#counts[low]!++;
    this.#sum += value;
  }

  get value(): HistogramValue {
    const counts = [...this.#counts];
    const count = counts.reduce((all, each) => all + each, 0);
    return { buckets: { boundaries: this.#boundaries, counts }, sum: this.#sum, count };
  }
}

/** Those of the SDK, for a histogram that advises none. */
const DEFAULT_BOUNDARIES = [0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1_000, 2_500, 5_000, 7_500, 10_000];

/**
 * Instruments whose record is an addition: those of the SDK cost ten times as much, since they take
 * attributes apart each time. Their series are read by a `MetricProducer`.
 */
export class OwnMeter implements SyncMeter {
  readonly #metrics: ((span: Span) => Metric)[] = [];

  createCounter(name: string, options?: MetricOptions): Counter {
    return this.#adder(infoOf(name, options), true);
  }

  createUpDownCounter(name: string, options?: MetricOptions): UpDownCounter {
    return this.#adder(infoOf(name, options), false);
  }

  createHistogram(name: string, options?: MetricOptions): Histogram {
    const boundaries = options?.advice?.explicitBucketBoundaries ?? DEFAULT_BOUNDARIES;
    const series = new Series(() => new Distribution(boundaries));
    const info = infoOf(name, options);
    this.#metrics.push((span) =>
      histogram(
        info,
        span,
        series.read(({ value }) => value),
      ),
    );
    return { record: (value, attributes) => series.of(attributes as Attributes).record(value) };
  }

  /** All that have series. */
  collect(span: Span): Metric[] {
    return this.#metrics.map((read) => read(span)).filter(({ dataPoints }) => dataPoints.length > 0);
  }

  #adder(info: MetricInfo, isMonotonic: boolean): Counter {
    const series = new Series(() => ({ sum: 0 }));
    this.#metrics.push((span) =>
      sum(
        info,
        span,
        series.read((total) => total.sum),
        isMonotonic,
      ),
    );
    return {
      add: (value, attributes) => {
        series.of(attributes as Attributes).sum += value;
      },
    };
  }
}

function infoOf(name: string, { description = '', unit = '' }: MetricOptions = {}): MetricInfo {
  return { name, description, unit };
}
