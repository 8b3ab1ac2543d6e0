import type { ServiceSnapshot } from '../snapshot.js';
import type { Finding } from './finding.js';
import type { LimitSettings } from './limits.js';

const MS_PER_S = 1_000;

/**
 * What of a service is left to call, and whether its endpoints are still known. A list grows old
 * only while the process is awake, which it has been for `awakeMs`.
 */
export function endpointFindings(
  { name: subject, ready, endpoints, panic, discovery, closed }: ServiceSnapshot,
  ejectionsLastMinute: number,
  awakeMs: number,
  limits: LimitSettings,
): Finding[] {
  if (closed) return [];
  const listed = endpoints.filter((endpoint) => endpoint.listed).length;
  const { ageMs, error, source } = discovery;
  const stale = error !== null && Math.min(ageMs ?? Number.POSITIVE_INFINITY, awakeMs) > limits.discoveryAgeMs;
  return [
    {
      rule: 'no_endpoint',
      severity: 'critical',
      subject,
      bad: ready === 0,
      value: ready,
      text: `${subject} has no usable endpoint of ${listed} that are listed`,
    },
    {
      rule: 'single_endpoint',
      severity: 'warning',
      subject,
      bad: ready === 1 && listed > 1,
      value: ready,
      text: `${subject} has one usable endpoint left of ${listed} that are listed`,
    },
    {
      rule: 'panic',
      severity: 'critical',
      subject,
      bad: panic,
      value: ready,
      text: `so few endpoints of ${subject} are healthy that health is ignored`,
    },
    {
      rule: 'ejection_storm',
      severity: 'warning',
      subject,
      bad: ejectionsLastMinute >= limits.ejectionsPerMinute,
      value: ejectionsLastMinute,
      text: `${ejectionsLastMinute} ejections of endpoints of ${subject} within a minute`,
    },
    {
      rule: 'stale_discovery',
      severity: 'warning',
      subject,
      bad: stale,
      value: ageMs === null ? null : ageMs / MS_PER_S,
      text: `discovery of ${subject} by ${source} fails${age(ageMs)}: ${error}`,
    },
  ];
}

function age(ageMs: number | null): string {
  return ageMs === null ? ', and it never had a list' : `, and its list is ${Math.round(ageMs / MS_PER_S)} s old`;
}
