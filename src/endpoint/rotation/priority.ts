export interface PriorityOptions {
  /**
   * A priority carries everything while at least 1/this of it is healthy. Default 1.4 (Envoy's): 72
   * %. 1 to 100.
   */
  readonly overprovisioning?: number;
}

/** How many endpoints of one priority there are, and how many of them are well. */
export interface LevelHealth {
  readonly healthy: number;
  readonly total: number;
}

export interface PriorityLoads {
  /**
   * The share of the calls that each level gets, in the order given; they add up to 1 unless none
   * is healthy.
   */
  readonly shares: readonly number[];
  /** The health of all levels together, 0 to 1. At 1 they can carry everything. */
  readonly totalHealth: number;
}

/**
 * How much of the load each priority gets: Envoy's priority levels (documentation, "Priority
 * levels"). The health of a level is its healthy share times the overprovisioning factor, at most
 * 1, so with 1.4 a level keeps all calls until fewer than 72 % of it are healthy. What it cannot
 * take goes to the next. When all of them together cannot take everything, each gets its part of
 * what there is.
 */
export function priorityLoads(levels: readonly LevelHealth[], overprovisioning: number): PriorityLoads {
  const health = levels.map(({ healthy, total }) =>
    total === 0 ? 0 : Math.min(1, (overprovisioning * healthy) / total),
  );
  const sum = health.reduce((total, each) => total + each, 0);
  const totalHealth = Math.min(1, sum);
  if (totalHealth === 0) return { shares: levels.map(() => 0), totalHealth };
  let left = 1;
  const shares = health.map((each) => {
    const share = Math.min(left, each / totalHealth);
    // Below a billionth it is an error of the arithmetic, not a share.
    const granted = share < NEGLIGIBLE ? 0 : share;
    left -= granted;
    return granted;
  });
  return { shares, totalHealth };
}

const NEGLIGIBLE = 1e-9;
