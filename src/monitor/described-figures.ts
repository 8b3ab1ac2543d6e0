import type { OddityCounts, ProbingCounts } from '../balancing/oddities.js';
import type { ConfigComparison, MeshSnapshot } from './snapshot.js';

/** Values of labels as exporters write them: texts, and quantiles as numbers. */
export type FigureLabels = Readonly<Record<string, string | number>>;

/** One figure with all its series, for exporters: each writes name and labels in its own way. */
export interface DescribedFigure {
  /** Words in a row, with dots between rooms: `policy.stale_answers`. */
  readonly name: string;
  /** A counter never falls. */
  readonly kind: 'counter' | 'gauge';
  /** In UCUM, as OpenTelemetry writes it: `s`, `1`, `{probe}`. */
  readonly unit: string;
  /** A sentence without its full stop. */
  readonly help: string;
  readonly series: readonly (readonly [labels: FigureLabels, value: number])[];
}

type Series = DescribedFigure['series'];

/**
 * Figures that each exporter has: what policies did that is odd, and how calls went before and
 * after a version of the configuration. Without those that have no series.
 */
export function describedFigures(snapshot: MeshSnapshot): DescribedFigure[] {
  return [...policyFigures(snapshot), ...configFigures(snapshot)].filter(({ series }) => series.length > 0);
}

/** By service and policy. */
function policyFigures({ services }: MeshSnapshot): DescribedFigure[] {
  const each = (read: (counts: OddityCounts, labels: FigureLabels) => Series): Series =>
    services.flatMap(({ name: service, oddities }) =>
      Object.entries(oddities).flatMap(([policy, counts]) => read(counts, { service, policy })),
    );
  const counter = (name: string, unit: string, help: string, series: Series): DescribedFigure => ({
    name: `policy.${name}`,
    kind: 'counter',
    unit,
    help,
    series,
  });
  const probing = (read: (counts: ProbingCounts) => number): Series =>
    each(({ probing: counts }, labels) => (counts === null ? [] : [[labels, read(counts)]]));
  return [
    counter(
      'redraws',
      '{draw}',
      'Draws made anew: the endpoint was the first of the two, or tried before',
      each(({ drewSame, drewTried }, labels) => [
        [{ ...labels, reason: 'same' }, drewSame],
        [{ ...labels, reason: 'tried' }, drewTried],
      ]),
    ),
    counter(
      'searches',
      '{draw}',
      'Draws that were given up, and the list looked through instead',
      each(({ searched }, labels) => [[labels, searched]]),
    ),
    counter(
      'probes',
      '{probe}',
      'Probes that a policy sent to servers',
      probing(({ probes }) => probes),
    ),
    counter(
      'probe_answers',
      '{answer}',
      'Answers to them',
      probing(({ answers }) => answers),
    ),
    counter(
      'stale_answers',
      '{answer}',
      'Answers that grew too old before they were used up',
      probing(({ stale }) => stale),
    ),
    counter(
      'unanswered_picks',
      '{pick}',
      'Picks without an answer to go by: drawn by weight',
      probing(({ unanswered }) => unanswered),
    ),
  ];
}

const MS_PER_S = 1_000;

const quantile = (labels: FigureLabels, ms: number | null): Series => (ms === null ? [] : [[labels, ms / MS_PER_S]]);

/** Of the version that was compared last, by service. */
function configFigures({ comparisons: compared }: MeshSnapshot): DescribedFigure[] {
  const gauge = (name: string, unit: string, help: string, series: Series): DescribedFigure => ({
    name: `config.compared.${name}`,
    kind: 'gauge',
    unit,
    help,
    series,
  });
  const each = (read: (one: ConfigComparison) => number | null): Series =>
    compared.flatMap((one) => {
      const value = read(one);
      return value === null ? [] : [[{ service: one.service, when: one.when }, value] as const];
    });
  const version = compared[0]?.version;
  return [
    gauge(
      'version',
      '1',
      'The version of the configuration that calls were compared around last',
      version === undefined ? [] : [[{}, version]],
    ),
    gauge(
      'calls',
      '{call}',
      'Calls in the ten seconds before that version, and after it',
      each(({ calls }) => calls),
    ),
    gauge(
      'failure_ratio',
      '1',
      'The share of these that failed, 0 to 1',
      each(({ failureRatio }) => failureRatio),
    ),
    gauge(
      'latency',
      's',
      'Quantiles of how long these took',
      compared.flatMap(
        ({ service, when, p50Ms, p99Ms }): Series => [
          ...quantile({ service, when, quantile: 0.5 }, p50Ms),
          ...quantile({ service, when, quantile: 0.99 }, p99Ms),
        ],
      ),
    ),
  ];
}
