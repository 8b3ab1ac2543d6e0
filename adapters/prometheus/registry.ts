import type { Family } from './family.js';

/** What is needed of a `Registry` of prom-client. */
export interface RegistryLike {
  readonly contentType: string;
  registerMetric(metric: never): void;
  removeSingleMetric(name: string): void;
}

interface Value {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  readonly exemplar?: {
    readonly labelSet: Readonly<Record<string, string>>;
    readonly value: number;
    readonly timestamp: number;
  };
}

/**
 * Makes each family a metric of the registry, read whenever that is scraped. Returns a function
 * that takes them out again.
 */
export function joinRegistry(registry: RegistryLike, families: () => readonly Family[]): () => void {
  const names: string[] = [];
  for (const { name, type, help } of families()) {
    const metric = {
      // For counters prom-client changes it as the format wants it, and makes up the suffix.
      name: type === 'counter' ? `${name}_total` : name,
      help,
      type,
      aggregator: 'sum',
      get: async () => {
        const open = registry.contentType.startsWith('application/openmetrics-text');
        const family = families().find((each) => each.name === name)!;
        return { name: metric.name, help, type, aggregator: 'sum', values: valuesOf(family, open) };
      },
      reset: () => {},
    };
    registry.registerMetric(metric as never);
    names.push(metric.name);
  }
  return () => {
    for (const name of names) registry.removeSingleMetric(name);
  };
}

/** In OpenMetrics prom-client adds `_total` to what counters name. */
function valuesOf({ name, type, samples }: Family, open: boolean): Value[] {
  return samples.map(({ suffix, labels, value, exemplar }) => ({
    metricName: type === 'counter' && open ? name : `${name}${suffix}`,
    labels: Object.fromEntries(labels),
    value,
    ...(exemplar && {
      exemplar: { labelSet: Object.fromEntries(exemplar.labels), value: exemplar.value, timestamp: exemplar.atS },
    }),
  }));
}
