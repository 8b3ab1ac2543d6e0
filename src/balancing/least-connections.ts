import { fields } from '../runtime/options.js';
import { definePolicy, type PolicyFactory } from './factory.js';
import { LeastLoadedPicker } from './least-loaded/least-loaded-picker.js';
import type { Policy } from './policy.js';

const readNothing = fields<Record<string, never>>({});

/**
 * The endpoint with the fewest calls in flight: the true minimum of all, not of a sample; one of
 * them at random where several have it. Weights do not matter (`weighted_least_connections` minds
 * them), but for an endpoint in slow start, whose calls count as more until it is warm.
 *
 * Right for one client, or a few, with calls of very different length. Many clients that all follow
 * the minimum rush to the same endpoint: prefer `least_request` there.
 *
 * Cost: O(1) at any number of endpoints; a retry that avoids the least loaded one O(n).
 */
export const leastConnections: PolicyFactory<Record<string, never>> = definePolicy(
  'least_connections',
  (options) => {
    readNothing(options, 'least_connections');
    return policy;
  },
  readNothing,
);

const policy: Policy = {
  name: 'least_connections',
  needsLatency: false,
  create: ({ random, oddities }) => new LeastLoadedPicker(random, ({ spec, weight }) => weight / spec.weight, oddities),
};
