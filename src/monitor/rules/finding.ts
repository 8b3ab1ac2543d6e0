/** `critical`: calls fail now. `warning`: they may soon, or some do. */
export type Severity = 'warning' | 'critical';

/** What a rule makes of one subject at one look. */
export interface Finding {
  readonly rule: string;
  readonly severity: Severity;
  /** A service, or a part of an adapter. */
  readonly subject: string;
  /** Undefined where there is nothing to judge by: then what was so before stays as it is. */
  readonly bad: boolean | undefined;
  readonly text: string;
  readonly value: number | null;
}
