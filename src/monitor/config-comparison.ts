import type { ConfigComparison, PartSnapshot } from './snapshot.js';

/** As the part `config` names its figures; a service may have any name. */
const FIGURE = /^calls(Before|After) (.*)$/s;

/**
 * Of the version that was compared last, each service that had calls, before and after; empty
 * before the first comparison, which a store does not make where it was told `compare: false`.
 */
export function configComparisons(parts: readonly PartSnapshot[]): readonly ConfigComparison[] {
  return parts.flatMap(({ kind, figures }) => {
    const version = figures.comparedVersion;
    if (kind !== 'config' || version === undefined) return [];
    return Object.entries(figures).flatMap(([name, calls]): ConfigComparison[] => {
      const [, when, service] = FIGURE.exec(name) ?? [];
      if (service === undefined) return [];
      const figure = (of: string): number | null => figures[`${of}${when} ${service}`] ?? null;
      return [
        {
          version,
          service,
          when: when === 'Before' ? 'before' : 'after',
          calls,
          failureRatio: figure('failureRatio'),
          p50Ms: figure('p50Ms'),
          p99Ms: figure('p99Ms'),
        },
      ];
    });
  });
}
