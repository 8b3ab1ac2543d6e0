import type { Reader } from '../runtime/options.js';
import type { Policy } from './policy.js';

/**
 * Makes a policy from its options and knows its name: `peakEwma({ decayMs: 5_000 })`. Throws
 * FAIRLEAD_INVALID_OPTION for options it does not have.
 */
export interface PolicyFactory<Options = unknown> {
  (options?: Options): Policy;
  readonly policyName: string;
  /** What its options may be, for configuration and its schema. Default: what the factory takes. */
  readonly options?: Reader<unknown> | undefined;
}

/** Joins a policy's name, and what reads its options, to its factory. */
export function definePolicy<Options>(
  policyName: string,
  make: (options?: Options) => Policy,
  options?: Reader<unknown>,
): PolicyFactory<Options> {
  return Object.assign((given?: Options) => make(given), { policyName, options });
}
