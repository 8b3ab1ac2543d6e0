import type { ConfigComparison, MeshSnapshot } from '../../src/monitor/index.js';
import type { Family, Label, Sample } from './family.js';

const MS_PER_S = 1_000;
const QUANTILES = [
  ['0.5', 'p50Ms'],
  ['0.99', 'p99Ms'],
] as const;

/** How services did before and after the version of the configuration that was compared last. */
export function configFamilies({ comparisons: compared }: MeshSnapshot): Family[] {
  const each = (read: (one: ConfigComparison, labels: readonly Label[]) => readonly Sample[]): Sample[] =>
    compared.flatMap((one) =>
      read(one, [
        ['service', one.service],
        ['when', one.when],
      ]),
    );
  const sample = (labels: readonly Label[], value: number | null): Sample[] =>
    value === null ? [] : [{ suffix: '', labels, value }];
  return [
    {
      name: 'fairlead_config_compared_version',
      type: 'gauge',
      help: 'The version of the configuration that calls were compared around last.',
      samples: sample([], compared[0]?.version ?? null),
    },
    {
      name: 'fairlead_config_compared_calls',
      type: 'gauge',
      help: 'Calls in the ten seconds before that version, and after it.',
      samples: each(({ calls }, labels) => sample(labels, calls)),
    },
    {
      name: 'fairlead_config_compared_failure_ratio',
      type: 'gauge',
      help: 'The share of these that failed, 0 to 1.',
      samples: each(({ failureRatio }, labels) => sample(labels, failureRatio)),
    },
    {
      name: 'fairlead_config_compared_latency_seconds',
      type: 'gauge',
      unit: 'seconds',
      help: 'Quantiles of how long these took.',
      samples: each((one, labels) =>
        QUANTILES.flatMap(([quantile, figure]) => {
          const ms = one[figure];
          return sample([...labels, ['quantile', quantile]], ms === null ? null : ms / MS_PER_S);
        }),
      ),
    },
  ];
}
