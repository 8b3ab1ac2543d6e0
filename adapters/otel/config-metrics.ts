import type { Attributes } from '@opentelemetry/api';
import type { ConfigComparison, MeshSnapshot } from '../../src/monitor/index.js';
import { MS_PER_S } from './boundaries.js';
import { gauge, type Metric, type Span, type Values } from './metric-data.js';

/** How services did before and after the version of the configuration that was compared last. */
export function configMetrics({ comparisons: compared }: MeshSnapshot, span: Span): Metric[] {
  if (compared.length === 0) return [];
  const each = (read: (one: ConfigComparison) => number | null, more: Attributes = {}): Values<number> =>
    compared.flatMap((one) => {
      const value = read(one);
      if (value === null) return [];
      return [[{ 'fairlead.service': one.service, 'fairlead.when': one.when, ...more }, value] as const];
    });
  const seconds = (ms: number | null): number | null => (ms === null ? null : ms / MS_PER_S);
  return [
    gauge(
      {
        name: 'fairlead.config.compared.version',
        description: 'The version of the configuration that calls were compared around last',
        unit: '1',
      },
      span,
      [[{}, compared[0]!.version]],
    ),
    gauge(
      {
        name: 'fairlead.config.compared.calls',
        description: 'Calls in the ten seconds before that version, and after it',
        unit: '{call}',
      },
      span,
      each(({ calls }) => calls),
    ),
    gauge(
      {
        name: 'fairlead.config.compared.failure_ratio',
        description: 'The share of these that failed, 0 to 1',
        unit: '1',
      },
      span,
      each(({ failureRatio }) => failureRatio),
    ),
    gauge(
      { name: 'fairlead.config.compared.latency', description: 'Quantiles of how long these took', unit: 's' },
      span,
      [
        ...each(({ p50Ms }) => seconds(p50Ms), { 'fairlead.quantile': 0.5 }),
        ...each(({ p99Ms }) => seconds(p99Ms), { 'fairlead.quantile': 0.99 }),
      ],
    ),
  ];
}
