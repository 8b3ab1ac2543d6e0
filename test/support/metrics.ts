import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  type MetricData,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';

/** The SDK of OpenTelemetry with its exporter for tests. */
export class CollectedMetrics {
  readonly #exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  readonly provider: MeterProvider = new MeterProvider({
    readers: [new PeriodicExportingMetricReader({ exporter: this.#exporter, exportIntervalMillis: 3_600_000 })],
  });

  /** By name, as of now. */
  async collect(): Promise<Map<string, MetricData>> {
    this.#exporter.reset();
    await this.provider.forceFlush();
    const metrics = this.#exporter
      .getMetrics()
      .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((each) => each.metrics));
    return new Map(metrics.map((metric) => [metric.descriptor.name, metric]));
  }

  close(): Promise<void> {
    return this.provider.shutdown();
  }
}

/** Its points as [attributes, value]; a histogram's value is its count and sum. */
export function points(metric: MetricData | undefined): [attributes: object, value: unknown][] {
  return (metric?.dataPoints ?? []).map(({ attributes, value }) => [
    attributes,
    typeof value === 'object' && 'buckets' in value ? { count: value.count, sum: value.sum } : value,
  ]);
}
