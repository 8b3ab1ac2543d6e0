/** `critical`: calls fail now. `warning`: they may soon, or some do. */
export type Severity = 'warning' | 'critical';

/** All of them: a silence of another name would silence nothing. */
export const RULES = [
  'error_rate',
  'latency',
  'p99_latency',
  'no_endpoint',
  'single_endpoint',
  'panic',
  'ejection_storm',
  'stale_discovery',
  'replication_lag',
  'replicas_out',
  'two_primaries',
  'no_primary',
  'shard_down',
  'quarantine',
  'canary_rolled_back',
  'configuration_refused',
] as const;

/** What a rule makes of one subject at one look. */
export interface Finding {
  readonly rule: (typeof RULES)[number];
  readonly severity: Severity;
  /** A service, or a part of an adapter. */
  readonly subject: string;
  /** Undefined where there is nothing to judge by: then what was so before stays as it is. */
  readonly bad: boolean | undefined;
  readonly text: string;
  readonly value: number | null;
}
