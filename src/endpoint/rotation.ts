import type { Rotation } from '../balancing/policy.js';
import type { LiveEndpoint } from './live-endpoint.js';

export interface RotationOptions {
  /** Health is ignored while the healthy share of the members is below this, 0 to 1. */
  readonly panicThreshold: number;
  /** Whether an endpoint whose return is being probed stands in the list (policies that go by key) or not. */
  readonly probingInList: boolean;
}

/** A rotation over live endpoints. */
export interface LiveRotation extends Rotation {
  readonly ready: readonly LiveEndpoint[];
  readonly members: readonly LiveEndpoint[];
  /** Endpoints that wait for the one call that decides about their return. */
  readonly probing: readonly LiveEndpoint[];
}

export const EMPTY_ROTATION: LiveRotation = { ready: [], members: [], probing: [], panic: false };

/**
 * Which endpoints may be picked now. Runs when something changed, never per call. In this order:
 *
 * 1. **Health**, over all members: those that are ejected or unhealthy leave.
 * 2. **Panic**, over all members: when fewer than `panicThreshold` of them are healthy, health is ignored, because
 *    sending everything to the few that are left would take them down as well (Envoy's panic mode; 50 % by default).
 * 3. **The view**: what the subset may use. When that leaves nothing although the view has members, the view's own
 *    members are used whatever their health: an endpoint that may answer beats a certain error.
 */
export function computeRotation(
  all: readonly LiveEndpoint[],
  usable: ((endpoint: LiveEndpoint) => boolean) | undefined,
  options: RotationOptions,
): LiveRotation {
  const members = usable === undefined ? all : all.filter(usable);
  if (members.length === 0) return EMPTY_ROTATION;
  let healthy = 0;
  for (const endpoint of all) if (endpoint.state === 'ready' || endpoint.state === 'probing') healthy++;
  if (healthy < all.length * options.panicThreshold) return { ready: members, members, probing: [], panic: true };
  const probing = members.filter((endpoint) => endpoint.state === 'probing');
  const ready = members.filter(
    (endpoint) => endpoint.state === 'ready' || (options.probingInList && endpoint.state === 'probing'),
  );
  if (ready.length > 0) return { ready, members, probing, panic: false };
  return { ready: members, members, probing: [], panic: true };
}
