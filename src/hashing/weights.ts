import { invalidOption } from '../runtime/options.js';

/**
 * Weights outside this range are Infinity, or take for ever, in divisions and loops over shares; no
 * table can show a share that small.
 */
const MIN_WEIGHT = 1e-6;
const MAX_WEIGHT = 1e9;

/** Throws FAIRLEAD_INVALID_OPTION for a weight that no table can be built with. */
export function checkWeights(weights: readonly number[], name: string): void {
  for (const weight of weights) {
    if (weight >= MIN_WEIGHT && weight <= MAX_WEIGHT) continue;
    throw invalidOption(`${name}: a weight`, weight, `a number from ${MIN_WEIGHT} to ${MAX_WEIGHT}`);
  }
}
