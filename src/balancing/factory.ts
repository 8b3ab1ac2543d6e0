import type { Policy } from './policy.js';

/**
 * Makes a policy from its options and knows its name: `peakEwma({ decayMs: 5_000 })`. Throws
 * FAIRLEAD_INVALID_OPTION for options it does not have.
 */
export interface PolicyFactory<Options = unknown> {
  (options?: Options): Policy;
  readonly policyName: string;
}

/** Joins a policy's name to its factory. */
export function definePolicy<Options>(policyName: string, make: (options?: Options) => Policy): PolicyFactory<Options> {
  return Object.assign((options?: Options) => make(options), { policyName });
}
