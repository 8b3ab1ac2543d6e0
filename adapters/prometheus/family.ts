/** A label of a sample: its name, and its value as it is, of any text. */
export type Label = readonly [name: string, value: string];

/** A trace that a count stands for, as OpenMetrics shows it. */
export interface Exemplar {
  readonly labels: readonly Label[];
  readonly value: number;
  /** Seconds since 1970. */
  readonly atS: number;
}

export interface Sample {
  /** What follows the name of the family: `_total`, `_bucket`. */
  readonly suffix: string;
  readonly labels: readonly Label[];
  readonly value: number;
  readonly exemplar?: Exemplar | undefined;
}

/** One metric with all its series. */
export interface Family {
  /** Without the suffix of its samples. */
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  /** As OpenMetrics wants it, the name ends with it. */
  readonly unit?: 'seconds' | 'bytes';
  readonly samples: readonly Sample[];
}
