import type { Severity } from './rules/finding.js';

/** Something that an operator must know, for as long as it is so. */
export interface Alert {
  /** The rule that raised it: `error_rate`. */
  readonly rule: string;
  readonly severity: Severity;
  /** The service that it is about, or the part of an adapter. */
  readonly subject: string;
  /** What is so, in a sentence. */
  readonly text: string;
  /** The figure that was judged, as it is now; null where there is none. */
  readonly value: number | null;
  /** When it was raised, as `Date.now()` tells it. */
  readonly sinceMs: number;
  /** Nothing is sent of it. */
  readonly silenced: boolean;
}

/** An alert as it is told: raised, raised before and still so, or over. */
export interface AlertEvent {
  readonly what: 'raised' | 'still' | 'cleared';
  readonly alert: Alert;
}

/** Which alerts nothing is to be sent of: those of the rule, and of the subject, where given. */
export interface Silence {
  /** One that there is: `error_rate`. */
  readonly rule?: string;
  readonly subject?: string;
  /** For how long; milliseconds, 1 to 31,536,000,000 (a year). */
  readonly forMs: number;
  /** Who wants it so, and why: for the others. */
  readonly by?: string;
  readonly reason?: string;
}

/** A silence that holds. */
export interface ActiveSilence {
  /** Counts the silences of this monitor. */
  readonly id: number;
  readonly rule: string | undefined;
  readonly subject: string | undefined;
  readonly by: string | undefined;
  readonly reason: string | undefined;
  /** As `Date.now()` tells it. */
  readonly untilMs: number;
}
