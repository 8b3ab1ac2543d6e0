import { fields, invalidOption, optional, type Reader, type Schema } from '../runtime/options.js';
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

/** The readers of how calls are routed, each by itself. */
export const ROUTING_FIELDS: Schema<RoutingSettings> = {
  split: optional(readSplit),
  lanes: readLanes,
  shadow: optional(readShadow),
};

/** What they say together. */
export const ROUTING_RULES = [{ some: ['split', 'lanes'] }, '`shadow.arm` is an arm of the split'] as const;

export function checkRouting<T extends RoutingSettings>(read: T, name: string): T {
  const { split, lanes, shadow } = read;
  if (split === undefined && lanes === undefined) {
    throw invalidOption(name, 'neither', 'an object with split, lanes or both');
  }
  if (shadow !== undefined) checkArm(split, shadow.arm, `${name}.shadow.arm`);
  return read;
}

/** Throws where the split has no such arm. */
export function checkArm(split: SplitSettings | undefined, arm: string, name: string): void {
  const names = split?.arms.map((each) => each.name) ?? [];
  if (names.includes(arm)) return;
  throw invalidOption(name, arm, `an arm of the split: ${names.join(', ') || 'there is none'}`);
}

export interface RoutingSettings {
  readonly split: SplitSettings | undefined;
  readonly lanes: LaneSettings | undefined;
  readonly shadow: ShadowSettings | undefined;
}

/** Reads how calls are routed. Throws FAIRLEAD_INVALID_OPTION. */
export const readRouting: Reader<RoutingSettings> = fields<RoutingSettings>(
  ROUTING_FIELDS,
  checkRouting,
  ...ROUTING_RULES,
);
