/**
 * `fairlead/routing`: which instances of a service a call may go to: splits by weight, header and
 * key, canaries that are judged and rolled back, lanes.
 */
export {
  type Canary,
  type CanaryEvents,
  type CanaryState,
  type CanaryStatus,
  canaryOf,
  startCanary,
} from './canary/canary.js';
export type { Evidence } from './canary/judge.js';
export type { CanaryOptions, CanaryStep } from './canary/options.js';
export { currentLane, type LaneHeaders, laneOf, withLane } from './lanes/lane-context.js';
export type { LaneOptions } from './lanes/options.js';
export type { RoutingOptions } from './options.js';
export { type ArmStatus, type Routing, type RoutingStatus, routeCalls, routingOf } from './routing.js';
export type { ShadowComparison, ShadowOptions } from './shadow/options.js';
export { isShadow, type ShadowStatus } from './shadow/shadow.js';
export type { ArmOptions, SplitOptions } from './split/options.js';
export type { SplitRule } from './split/rules.js';
