import type { MeshSnapshot, OddityCounts, ProbingCounts } from '../../src/monitor/index.js';
import type { Family, Label, Sample } from './family.js';

/** What policies did that is odd, by service and policy. */
export function policyFamilies({ services }: MeshSnapshot): Family[] {
  const each = (read: (counts: OddityCounts, labels: readonly Label[]) => readonly Sample[]): Sample[] =>
    services.flatMap(({ name, oddities }) =>
      Object.entries(oddities).flatMap(([policy, counts]) =>
        read(counts, [
          ['service', name],
          ['policy', policy],
        ]),
      ),
    );
  const total = (labels: readonly Label[], value: number): Sample => ({ suffix: '_total', labels, value });
  const counter = (name: string, help: string, samples: readonly Sample[]): Family => ({
    name,
    type: 'counter',
    help,
    samples,
  });
  const probing = (name: string, help: string, read: (counts: ProbingCounts) => number): Family =>
    counter(
      name,
      help,
      each((counts, labels) => (counts.probing === null ? [] : [total(labels, read(counts.probing))])),
    );
  return [
    counter(
      'fairlead_policy_redraws',
      'Draws made anew: the endpoint was the first of the two, or tried before.',
      each(({ drewSame, drewTried }, labels) => [
        total([...labels, ['reason', 'same']], drewSame),
        total([...labels, ['reason', 'tried']], drewTried),
      ]),
    ),
    counter(
      'fairlead_policy_searches',
      'Draws that were given up, and the list looked through instead.',
      each(({ searched }, labels) => [total(labels, searched)]),
    ),
    probing('fairlead_policy_probes', 'Probes that a policy sent to servers.', ({ probes }) => probes),
    probing('fairlead_policy_probe_answers', 'Answers to them.', ({ answers }) => answers),
    probing(
      'fairlead_policy_stale_answers',
      'Answers that grew too old before they were used up.',
      ({ stale }) => stale,
    ),
    probing(
      'fairlead_policy_unanswered_picks',
      'Picks without an answer to go by: drawn by weight.',
      ({ unanswered }) => unanswered,
    ),
  ];
}
