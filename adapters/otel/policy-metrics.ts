import type { Attributes } from '@opentelemetry/api';
import type { OddityCounts, ProbingCounts, ServiceSnapshot } from '../../src/monitor/index.js';
import { type Metric, type Span, sum, type Values } from './metric-data.js';

/** What policies did that is odd, by service and policy. */
export function policyMetrics(services: readonly ServiceSnapshot[], span: Span): Metric[] {
  const each = (read: (counts: OddityCounts, attributes: Attributes) => Values<number>): Values<number> =>
    services.flatMap(({ name, oddities }) =>
      Object.entries(oddities).flatMap(([policy, counts]) =>
        read(counts, { 'fairlead.service': name, 'fairlead.policy': policy }),
      ),
    );
  const probing = (name: string, description: string, unit: string, read: (counts: ProbingCounts) => number): Metric =>
    sum(
      { name, description, unit },
      span,
      each((counts, attributes) => (counts.probing === null ? [] : [[attributes, read(counts.probing)]])),
    );
  return [
    sum(
      {
        name: 'fairlead.policy.redraws',
        description: 'Draws made anew: the endpoint was the first of the two, or tried before',
        unit: '{draw}',
      },
      span,
      each(({ drewSame, drewTried }, attributes) => [
        [{ ...attributes, 'fairlead.reason': 'same' }, drewSame],
        [{ ...attributes, 'fairlead.reason': 'tried' }, drewTried],
      ]),
    ),
    sum(
      {
        name: 'fairlead.policy.searches',
        description: 'Draws that were given up, and the list looked through instead',
        unit: '{draw}',
      },
      span,
      each(({ searched }, attributes) => [[attributes, searched]]),
    ),
    probing('fairlead.policy.probes', 'Probes that a policy sent to servers', '{probe}', ({ probes }) => probes),
    probing('fairlead.policy.probe_answers', 'Answers to them', '{answer}', ({ answers }) => answers),
    probing(
      'fairlead.policy.stale_answers',
      'Answers that grew too old before they were used up',
      '{answer}',
      ({ stale }) => stale,
    ),
    probing(
      'fairlead.policy.unanswered_picks',
      'Picks without an answer to go by: drawn by weight',
      '{pick}',
      ({ unanswered }) => unanswered,
    ),
  ];
}
