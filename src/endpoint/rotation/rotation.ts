import type { Rotation } from '../endpoint.js';
import type { LiveEndpoint } from '../live-endpoint.js';
import { priorityLoads } from './priority.js';
import { type ZoneCapacity, type ZoneSettings, zoneShares } from './zone.js';

export interface RotationOptions {
  /** Health is ignored while the healthy share of the members is below this, 0 to 1. */
  readonly panicThreshold: number;
  /** A priority takes all calls while at least 1/this of it is healthy. */
  readonly overprovisioning: number;
  readonly zone: ZoneSettings | undefined;
  /**
   * Whether an endpoint whose return is being probed stands in the list (policies that go by key)
   * or not.
   */
  readonly probingInList: boolean;
}

/** Endpoints among which one picker chooses, and the share of the calls that it chooses for. */
export interface RotationGroup {
  /** The same for the same group in the next rotation: its picker goes on. */
  readonly key: string;
  /** Above 0 to 1; those of one rotation add up to 1. */
  readonly share: number;
  readonly rotation: Rotation;
}

/** Whether it is well, or about to be asked whether it is. */
export const serves = ({ state }: LiveEndpoint): boolean => state === 'ready' || state === 'probing';

/** A rotation over live endpoints. */
export interface LiveRotation extends Rotation {
  /** May be picked for a call without a past: the union of the groups. */
  readonly ready: readonly LiveEndpoint[];
  readonly members: readonly LiveEndpoint[];
  /** May be picked for a session that is bound to it: whatever its priority and zone. */
  readonly healthy: readonly LiveEndpoint[];
  /** Endpoints that wait for the one call that decides about their return. */
  readonly probing: readonly LiveEndpoint[];
  /** One, unless priorities or zones share the calls. */
  readonly groups: readonly RotationGroup[];
}

export const EMPTY_ROTATION: LiveRotation = {
  ready: [],
  members: [],
  healthy: [],
  probing: [],
  groups: [],
  panic: false,
};

/** The members of one priority, as one view sees them. */
interface Level {
  readonly priority: number;
  readonly members: readonly LiveEndpoint[];
  readonly ready: readonly LiveEndpoint[];
  readonly probing: readonly LiveEndpoint[];
  readonly panic: boolean;
}

/**
 * Which endpoints may be picked now, and in what proportion. Runs when something changed, never per
 * call. In this order:
 *
 * 1. **Aperture** (before this function): the endpoints that this client uses at all. `all` are
 *    those.
 * 2. **Health**: those that are ejected or unhealthy leave.
 * 3. **Panic**, over all of a priority: when fewer than `panicThreshold` of it are healthy, and the
 *    priorities together cannot carry everything, its health is ignored, because sending everything
 *    to the few that are left would take them down as well (Envoy's panic mode; 50 % by default).
 * 4. **The view**: what the subset may use.
 * 5. **Priority**: how the calls are shared out between priorities, by the health of what the view
 *    has of each.
 * 6. **Zone**: how those of a priority are shared out between zones.
 * 7. **Slow start** and the part of an endpoint within the aperture are in its weight, which its
 *    group's picker minds.
 *
 * When that leaves nothing although the view has members, these are used whatever their health: an
 * endpoint that may answer beats a certain error.
 */
export function computeRotation(
  all: readonly LiveEndpoint[],
  usable: ((endpoint: LiveEndpoint) => boolean) | undefined,
  options: RotationOptions,
): LiveRotation {
  const members = usable === undefined ? all : all.filter(usable);
  if (members.length === 0) return EMPTY_ROTATION;
  const panicking = panickingPriorities(all, options);
  const levels = byPriority(members).map(([priority, list]) => levelOf(priority, list, panicking.has(priority)));
  const shares = shareOut(levels, options.overprovisioning);
  // Of one level the list as it is: one that is collected has room for 16 more.
  const groups =
    levels.length === 1
      ? groupsOf(levels[0]!, 1, options)
      : levels.flatMap((level, i) => (shares[i]! > 0 ? groupsOf(level, shares[i]!, options) : []));
  if (groups.length === 0) return lastResort(members);
  const loaded = groups.length === 1 ? undefined : new Set(groups.flatMap(({ rotation }) => rotation.ready));
  const lastLoaded = shares.findLastIndex((share) => share > 0);
  const lists = levels.map((level) => candidates(level, options.probingInList));
  return {
    ready: loaded === undefined ? (groups[0]!.rotation.ready as LiveEndpoint[]) : members.filter((e) => loaded.has(e)),
    members,
    healthy: lists.length === 1 ? lists[0]! : lists.flat(),
    // A priority below those in use gets no calls, and so no probes either.
    probing: levels.length === 1 ? probingOf(levels[0]!) : levels.slice(0, lastLoaded + 1).flatMap(probingOf),
    groups: normalized(groups),
    panic: groups.some(({ rotation }) => rotation.panic),
  };
}

const NONE: readonly LiveEndpoint[] = [];

const probingOf = ({ panic, probing }: Level): readonly LiveEndpoint[] => (panic ? NONE : probing);

function lastResort(members: readonly LiveEndpoint[]): LiveRotation {
  // Those whose time out is over are the likeliest to answer.
  const returning = members.filter(({ state }) => state === 'probing');
  const ready = returning.length > 0 ? returning : members;
  const rotation = { ready, members, panic: true };
  return { ...rotation, healthy: ready, probing: [], groups: [{ key: '', share: 1, rotation }] };
}

/** Groups that turned out empty leave a gap in the shares. */
function normalized(groups: readonly RotationGroup[]): readonly RotationGroup[] {
  if (groups.length === 1 && groups[0]!.share === 1) return groups;
  const sum = groups.reduce((total, { share }) => total + share, 0);
  return groups.map((group) => ({ ...group, share: group.share / sum }));
}

/** From the priority that is used first. The order of the members stays within each. */
function byPriority(members: readonly LiveEndpoint[]): [priority: number, members: readonly LiveEndpoint[]][] {
  const first = members[0]!.spec.priority;
  if (members.every(({ spec }) => spec.priority === first)) return [[first, members]];
  const lists = new Map<number, LiveEndpoint[]>();
  for (const endpoint of members) {
    const list = lists.get(endpoint.spec.priority);
    if (list === undefined) lists.set(endpoint.spec.priority, [endpoint]);
    else list.push(endpoint);
  }
  return [...lists].sort(([a], [b]) => a - b);
}

function panickingPriorities(all: readonly LiveEndpoint[], options: RotationOptions): ReadonlySet<number> {
  const levels = byPriority(all).map(([priority, members]) => {
    // One that is about to return is as good as healthy here: panic would deny it its probe.
    let healthy = 0;
    for (const endpoint of members) if (serves(endpoint)) healthy++;
    return { priority, healthy, total: members.length };
  });
  const panicking = new Set<number>();
  // Several that carry everything together need no panic: what the sick ones cannot take goes to
  // the others.
  if (levels.length > 1 && priorityLoads(levels, options.overprovisioning).totalHealth === 1) return panicking;
  for (const { priority, healthy, total } of levels) {
    if (healthy < total * options.panicThreshold) panicking.add(priority);
  }
  return panicking;
}

function levelOf(priority: number, members: readonly LiveEndpoint[], panic: boolean): Level {
  // The rule, and of thousands the copies would cost more than all else here.
  if (members.every(({ state }) => state === 'ready'))
    return { priority, members, ready: members, probing: NONE, panic };
  const ready = members.filter(({ state }) => state === 'ready');
  const probing = members.filter(({ state }) => state === 'probing');
  return { priority, members, ready, probing, panic };
}

/**
 * The share of each level: by health, or by numbers where none is healthy but some are panicking.
 */
function shareOut(levels: readonly Level[], overprovisioning: number): readonly number[] {
  if (levels.length === 1) return [1];
  const health = levels.map(({ ready, members }) => ({ healthy: warmthOf(ready), total: members.length }));
  const { shares, totalHealth } = priorityLoads(health, overprovisioning);
  if (totalHealth > 0) return shares;
  const numbers = levels.map(({ panic, probing, members }) => (panic ? members.length : probing.length));
  const sum = numbers.reduce((total, each) => total + each, 0);
  return sum === 0 ? shares : numbers.map((each) => each / sum);
}

/**
 * How many endpoints these are worth by now. Slow start cannot spare those of a priority that come
 * together: none of them is warmer than the others. Then the priority's share grows instead, and
 * the next one carries the rest.
 */
function warmthOf(ready: readonly LiveEndpoint[]): number {
  let sum = 0;
  for (const { warmth } of ready) sum += warmth;
  return sum;
}

function candidates(level: Level, probingInList: boolean): readonly LiveEndpoint[] {
  if (level.panic) return level.members;
  if (!probingInList || level.probing.length === 0) return level.ready;
  return level.members.filter(serves);
}

function groupsOf(level: Level, share: number, options: RotationOptions): RotationGroup[] {
  const ready = candidates(level, options.probingInList);
  if (ready.length === 0) return [];
  const { members, panic } = level;
  const key = String(level.priority);
  const { zone } = options;
  if (zone === undefined || panic || ready.length < zone.minEndpoints) {
    return [{ key, share, rotation: { ready, members, panic } }];
  }
  const zones = capacities(ready, members, zone);
  const local = zones.find((each) => each.zone === zone.local);
  if (local === undefined || zones.length < 2) return [{ key, share, rotation: { ready, members, panic } }];
  const parts = splitByZone(zones, ready, zone);
  return zones.flatMap(({ zone: name }, i) => {
    if (parts[i]! <= 0) return [];
    const rotation: Rotation = {
      ready: ready.filter(({ spec }) => spec.zone === name),
      members: members.filter(({ spec }) => spec.zone === name),
      panic,
    };
    return [{ key: `${key}/${name}`, share: share * parts[i]!, rotation }];
  });
}

function splitByZone(zones: readonly ZoneCapacity[], ready: readonly LiveEndpoint[], options: ZoneSettings): number[] {
  const { local, routedRatio, forceLocalFrom } = options;
  const inLocal = ready.reduce((count, { spec }) => count + (spec.zone === local ? 1 : 0), 0);
  const forced = forceLocalFrom !== undefined && inLocal >= forceLocalFrom;
  const shares = forced ? zones.map(({ zone }) => (zone === local ? 1 : 0)) : zoneShares(zones, local);
  const total = zones.reduce((sum, { capacity }) => sum + capacity, 0);
  return zones.map(({ capacity }, i) => routedRatio * shares[i]! + ((1 - routedRatio) * capacity) / total);
}

/** The zones of the endpoints that may be picked, in the order of their names. */
function capacities(
  ready: readonly LiveEndpoint[],
  members: readonly LiveEndpoint[],
  { clients }: ZoneSettings,
): ZoneCapacity[] {
  const sums = new Map<string, number>();
  // A zone whose endpoints all failed has no capacity but keeps its clients, who now go elsewhere.
  for (const zone of Object.keys(clients ?? {})) sums.set(zone, 0);
  for (const { spec } of members) sums.set(spec.zone, 0);
  for (const { spec } of ready) sums.set(spec.zone, sums.get(spec.zone)! + spec.weight);
  return [...sums]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([zone, capacity]) => ({ zone, capacity, clients: clients === undefined ? 1 : (clients[zone] ?? 0) }));
}
