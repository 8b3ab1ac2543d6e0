import { fields } from '../runtime/options.js';
import { definePolicy, type PolicyFactory } from './factory.js';
import type { Picker, Policy } from './policy.js';
import { WeightedSampler } from './weighted-sampler.js';

const readNothing = fields<Record<string, never>>({});

/**
 * One at random, in proportion to its weight. Needs no state that clients would have to share, so
 * it is the yardstick for the others: the fullest of n servers under n calls holds about ln n / ln
 * ln n.
 *
 * Cost: O(1), one draw (two with unequal weights).
 */
export const randomPolicy: PolicyFactory<Record<string, never>> = definePolicy(
  'random',
  (options) => {
    readNothing(options, 'random');
    return policy;
  },
  readNothing,
);

const policy: Policy = {
  name: 'random',
  needsLatency: false,
  create: (context): Picker => {
    const sampler = new WeightedSampler(context.random, context.oddities);
    return {
      update: (rotation) => sampler.update(rotation.ready),
      pick: (request) => sampler.drawUntried(request.tried),
      describe: ({ weight }) => ({ parts: { weight } }),
      preview: ({ tried }, random) => {
        const endpoint = sampler.over(random).drawUntried(tried);
        return { endpoint, drew: [endpoint] };
      },
    };
  },
};
