import { fields } from '../runtime/options.js';
import { definePolicy, type PolicyFactory } from './factory.js';
import { LeastLoadedPicker } from './least-loaded/least-loaded-picker.js';
import type { Policy } from './policy.js';

const readNothing = fields<Record<string, never>>({});

/**
 * The endpoint with the fewest calls in flight per weight: the true minimum of all, as Linux's
 * `wlc` and nginx's `least_conn` define it. Where several have it (all of them, when none has a
 * call) they share the calls by weight.
 *
 * Cost: O(log of the number of different weights), whatever the number of endpoints; a retry that
 * avoids the least loaded one O(n).
 */
export const weightedLeastConnections: PolicyFactory<Record<string, never>> = definePolicy(
  'weighted_least_connections',
  (options) => {
    readNothing(options, 'weighted_least_connections');
    return policy;
  },
  readNothing,
);

const policy: Policy = {
  name: 'weighted_least_connections',
  needsLatency: false,
  create: ({ random, oddities }) => new LeastLoadedPicker(random, ({ weight }) => weight, oddities),
};
