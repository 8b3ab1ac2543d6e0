import { FairleadError } from '../runtime/errors.js';
import { fields, integer, number } from '../runtime/options.js';
import { definePolicy, type PolicyFactory } from './factory.js';
import type { Policy } from './policy.js';
import { PrequalPicker, type PrequalSettings } from './prequal/prequal-picker.js';

export interface PrequalOptions {
  /** Probes sent per call. Default 3; above 0 to 16. */
  readonly probesPerCall?: number;
  /**
   * Answers dropped from the pool per call, the oldest and the worst in turn. Default 1; 0 to 16.
   */
  readonly removalsPerCall?: number;
  /** Answers kept at most. Default 16; 2 to 128. */
  readonly poolSize?: number;
  /** An answer older than this is forgotten; milliseconds. Default 1,000; 1 to 60,000. */
  readonly maxAgeMs?: number;
  /**
   * Endpoints above this quantile of calls in progress are hot. Default 0.84 (2^-1/4); 0 (by calls
   * in progress alone) to 1 (by latency alone).
   */
  readonly hotQuantile?: number;
}

const readPrequal = fields<PrequalSettings>({
  probesPerCall: number(3, 0.01, 16),
  removalsPerCall: number(1, 0, 16),
  poolSize: integer(16, 2, 128),
  maxAgeMs: number(1_000, 1, 60_000),
  // 2^-1/4, written out: versions of V8 differ in its last digit.
  hotQuantile: number(0.8408964152537146, 0, 1),
});

/**
 * Asks servers how busy they are, and uses the answers of the last second: among those with few
 * calls in progress (cold) the one with the lowest latency; where all are hot, the one with the
 * fewest calls. From Wydrowski and others, "Load is not what you should balance: Introducing
 * Prequal" (NSDI 2024), whose defaults are used. Unlike all that a client can measure by itself, it
 * sees the load that other clients cause.
 *
 * Each call sends some probes to random endpoints; an answer serves for a few calls, counted as one
 * more call in progress each time, until it is used up, too old, or dropped. There is one answer
 * per endpoint at most; with fewer than two in the pool the endpoint is drawn at random by weight.
 * Weights and slow start decide which share of an endpoint's answers is kept.
 *
 * Needs `probes` in the service's options, from an adapter or of your own: throws
 * FAIRLEAD_INVALID_OPTION without. Cost: O(poolSize), one look at the clock, and the probes. An
 * answer counts as of the last call before it, not of its own arrival, which costs no look at the
 * clock and errs towards older.
 */
export const prequal: PolicyFactory<PrequalOptions> = definePolicy(
  'prequal',
  (options): Policy => {
    const settings = readPrequal(options, 'prequal');
    return {
      name: 'prequal',
      needsLatency: false,
      create: ({ random, probes, service, clock, oddities }) => {
        if (probes === undefined) {
          throw new FairleadError(
            'FAIRLEAD_INVALID_OPTION',
            `Policy prequal of service '${service}' has nobody who asks its servers how busy they are: give the service ` +
              '`probes`, or use peak_ewma, which goes by what the client measures itself.',
            { service },
          );
        }
        return new PrequalPicker({ random, clock, probes, oddities }, settings);
      },
    };
  },
  readPrequal,
);
