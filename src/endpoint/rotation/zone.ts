export interface ZoneOptions {
  /** The zone this process runs in, as endpoints name theirs. */
  readonly local: string;
  /**
   * Zones are ignored while fewer healthy endpoints than this are left. Default 6 (Envoy's); 1 to
   * 1,000,000.
   */
  readonly minEndpoints?: number;
  /** The share of calls that goes by zone; the others go anywhere. Default 1; 0 to 1. */
  readonly routedRatio?: number;
  /**
   * How many clients like this one run in each zone; what counts is the proportion. Default: as
   * many in each zone that has endpoints.
   */
  readonly clients?: Readonly<Record<string, number>>;
  /**
   * From this many healthy local endpoints on, every call stays local, whatever that does to them.
   * Default: never.
   */
  readonly forceLocalFrom?: number;
}

export interface ZoneSettings {
  readonly local: string;
  readonly minEndpoints: number;
  readonly routedRatio: number;
  readonly clients: Readonly<Record<string, number>> | undefined;
  readonly forceLocalFrom: number | undefined;
}

/** What a zone has to offer. */
export interface ZoneCapacity {
  readonly zone: string;
  /** Summed weights of its healthy endpoints. */
  readonly capacity: number;
  /** Clients that run there, in any unit. */
  readonly clients: number;
}

/**
 * The share of this client's calls for each zone, in the order given: Envoy's zone-aware routing.
 * With as much of the capacity in the local zone as it has of the clients, all calls stay.
 * Otherwise only the part that the zone can carry stays (its share of the capacity over its share
 * of the clients), and the rest goes to the zones that have more capacity than clients, in
 * proportion to the surplus. So every endpoint ends up with the same load.
 */
export function zoneShares(zones: readonly ZoneCapacity[], local: string): number[] {
  const capacity = zones.reduce((sum, zone) => sum + zone.capacity, 0);
  const clients = zones.reduce((sum, zone) => sum + zone.clients, 0);
  const home = zones.find(({ zone }) => zone === local);
  if (home === undefined || home.clients === 0) return zones.map((zone) => zone.capacity / capacity);
  const offered = home.capacity / capacity;
  const wanted = home.clients / clients;
  if (offered >= wanted) return zones.map(({ zone }) => (zone === local ? 1 : 0));
  const stay = offered / wanted;
  const surplus = zones.map((zone) =>
    zone === home ? 0 : Math.max(0, zone.capacity / capacity - zone.clients / clients),
  );
  const total = surplus.reduce((sum, each) => sum + each, 0);
  return zones.map((zone, i) => (zone === home ? stay : ((1 - stay) * surplus[i]!) / total));
}
