import { fields, optional, type Reader } from '../runtime/options.js';
import { type CanaryOptions, type CanarySettings, checkSteps, readCanary } from './canary/options.js';
import {
  checkArm,
  checkRouting,
  ROUTING_FIELDS,
  ROUTING_RULES,
  type RoutingOptions,
  type RoutingSettings,
} from './options.js';

/** How the calls of one service are routed, as a configuration says it. */
export interface ConfiguredRouting extends Omit<RoutingOptions, 'shadow'> {
  /** Copies of idempotent calls go to an arm as well. Default: none. */
  readonly shadow?: Omit<NonNullable<RoutingOptions['shadow']>, 'compare'>;
  /**
   * An arm of the split that earns its share step by step, or loses it: its `share` counts for
   * nothing then. Default: none.
   */
  readonly canary?: CanaryOptions;
}

interface Settings extends RoutingSettings {
  readonly canary: CanarySettings | undefined;
}

/** Reads how a configuration routes one service. Throws FAIRLEAD_INVALID_OPTION. */
export const readConfiguredRouting: Reader<Settings> = fields<Settings>(
  { ...ROUTING_FIELDS, canary: optional(readCanary) },
  (read, name) => {
    checkRouting(read, name);
    const { split, canary } = read;
    if (canary === undefined) return read;
    checkArm(split, canary.arm, `${name}.canary.arm`);
    checkSteps(split?.arms ?? [], canary, `${name}.canary`);
    return read;
  },
  ...ROUTING_RULES,
  '`canary.arm` is an arm of the split',
);
