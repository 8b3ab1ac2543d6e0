import type { AdaptiveWeightOptions } from './adaptive-weight.js';
import type { ConsistentHashOptions } from './consistent-hash.js';
import type { IpHashOptions } from './ip-hash.js';
import type { LeastRequestOptions } from './least-request.js';
import type { MaglevOptions } from './maglev.js';
import type { PeakEwmaOptions } from './peak-ewma.js';
import type { Policy } from './policy.js';
import type { PrequalOptions } from './prequal.js';
import type { RendezvousOptions } from './rendezvous.js';
import type { WeightedRoundRobinOptions } from './weighted-round-robin.js';

type NoOptions = Record<string, never>;

/** What each of the built-in policies takes, by its name. */
export interface BuiltinPolicyOptions {
  round_robin: NoOptions;
  weighted_round_robin: WeightedRoundRobinOptions;
  random: NoOptions;
  least_connections: NoOptions;
  weighted_least_connections: NoOptions;
  least_request: LeastRequestOptions;
  peak_ewma: PeakEwmaOptions;
  adaptive_weight: AdaptiveWeightOptions;
  consistent_hash: ConsistentHashOptions;
  maglev: MaglevOptions;
  rendezvous: RendezvousOptions;
  ip_hash: IpHashOptions;
  prequal: PrequalOptions;
}

/**
 * What each policy takes, by its name. A program that names its own policies declares them:
 *
 * ```ts
 * declare module 'fairlead' {
 *   interface PolicyOptions {
 *     first: Record<string, never>;
 *   }
 * }
 * ```
 */
export interface PolicyOptions extends BuiltinPolicyOptions {}

/** The name of a policy in options and configuration, snake_case. */
export type PolicyName = keyof PolicyOptions;

/** A policy, its name in the registry, or `{ name: options }` as a config file writes it. */
export type PolicySpec =
  | Policy
  | PolicyName
  | { readonly [Name in PolicyName]: { readonly [Key in Name]: PolicyOptions[Name] } }[PolicyName];
