import { invalidOption, readOptions } from '../runtime/options.js';
import { type LaneOptions, type LaneSettings, readLanes } from './lanes/options.js';
import { readShadow, type ShadowOptions, type ShadowSettings } from './shadow/options.js';
import { readSplit, type SplitOptions, type SplitSettings } from './split/options.js';

export interface RoutingOptions {
  /** Shares the calls out among versions. Default: none. */
  readonly split?: SplitOptions;
  /**
   * Calls of a lane prefer the endpoints of that lane, and others leave these alone: `true` for the
   * defaults. Default: none.
   */
  readonly lanes?: boolean | LaneOptions;
  /** Copies of idempotent calls go to an arm as well. Default: none. */
  readonly shadow?: ShadowOptions;
}

export interface RoutingSettings {
  readonly split: SplitSettings | undefined;
  readonly lanes: LaneSettings | undefined;
  readonly shadow: ShadowSettings | undefined;
}

/** Reads how calls are routed. Throws FAIRLEAD_INVALID_OPTION. */
export function readRouting(name: string, options: RoutingOptions): RoutingSettings {
  const read = readOptions<RoutingSettings>(name, options, {
    split: (value, where) => (value === undefined ? undefined : readSplit(value, where)),
    lanes: readLanes,
    // Read below: it names an arm of the split.
    shadow: () => undefined,
  });
  if (read.split === undefined && read.lanes === undefined) {
    throw invalidOption(name, options, 'an object with split, lanes or both');
  }
  const arms = read.split?.arms.map((arm) => arm.name) ?? [];
  return { ...read, shadow: readShadow(options.shadow, `${name}.shadow`, arms) };
}
