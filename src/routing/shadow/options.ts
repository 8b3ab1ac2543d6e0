import { callback, fields, integer, number, type Reader, required, text } from '../../runtime/options.js';
import type { OutcomeName } from '../../runtime/outcome.js';

/** How a call and its shadow ended. */
export interface ShadowComparison {
  /** Undefined where the adapter does not tell. */
  readonly call: { readonly outcome: OutcomeName; readonly ms: number } | undefined;
  readonly shadow: { readonly outcome: OutcomeName; readonly ms: number };
}

export interface ShadowOptions {
  /** The arm of the split whose endpoints get the copies; its own share may be 0. */
  readonly arm: string;
  /** Percent of the idempotent calls that are copied; above 0 to 100. */
  readonly share: number;
  /** Copies under way at once; more are dropped and counted. Default 16; 1 to 10,000. */
  readonly maxInflight?: number;
  /** A copy is given up after this; milliseconds. Default 5,000; 1 to 3,600,000. */
  readonly deadlineMs?: number;
  /** Hears of each copy that ended. What it throws is reported as a warning. */
  readonly compare?: (comparison: ShadowComparison) => void;
}

export interface ShadowSettings {
  readonly arm: string;
  readonly share: number;
  readonly maxInflight: number;
  readonly deadlineMs: number;
  readonly compare: ((comparison: ShadowComparison) => void) | undefined;
}

/** Reads `shadow`; whether there is such an arm, the routing knows. */
export const readShadow: Reader<ShadowSettings> = fields<ShadowSettings>({
  arm: required(text(''), 'the name of an arm of the split'),
  share: required(number(1, 0.01, 100), 'a number from 0.01 to 100'),
  maxInflight: integer(16, 1, 10_000),
  deadlineMs: integer(5_000, 1, 3_600_000),
  compare: callback<(comparison: ShadowComparison) => void>(),
});
