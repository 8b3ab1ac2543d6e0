/** What one server got, over all clients. */
export interface ServerReport {
  readonly id: string;
  /** Attempts sent to it: retries and hedges included. */
  readonly attempts: number;
  /** Its share of all attempts, 0 to 1. */
  readonly share: number;
  /** Attempts that it failed, refused as overloaded, or did not answer in time. */
  readonly failures: number;
  /** Most attempts on it at one time, waiting ones included. */
  readonly maxInflight: number;
  /** How often some client put it out of rotation. */
  readonly ejections: number;
}

export interface EjectionRecord {
  readonly atMs: number;
  /** Index of the client that put it out. */
  readonly client: number;
  readonly server: string;
  /** The health signal that asked for it. */
  readonly signal: string;
}

/** What became of the calls of a simulation. A call that failed has an infinite latency. */
export interface SimulationReport {
  readonly calls: number;
  /** Calls that were not answered well, or not at all. */
  readonly failed: number;
  /** Mean latency of the calls that were answered, milliseconds; NaN without any. */
  readonly meanMs: number;
  readonly servers: readonly ServerReport[];
  readonly ejections: readonly EjectionRecord[];
  /** The share of calls answered well in less than `withinMs`, 0 to 1. Default: however late. */
  successRatio(withinMs?: number): number;
  /** Calls that failed or took `thanMs` or longer. */
  slower(thanMs: number): number;
  /**
   * The latency below which so large a share of all calls stays: `percentileMs(0.99)`. Infinity
   * where calls failed.
   */
  percentileMs(share: number): number;
  /**
   * The same for calls that began from `fromMs` until before `untilMs`. Servers and ejections are
   * the whole run's.
   */
  between(fromMs: number, untilMs: number): SimulationReport;
}

export class Report implements SimulationReport {
  readonly servers: readonly ServerReport[];
  readonly ejections: readonly EjectionRecord[];
  readonly calls: number;
  readonly failed: number;
  readonly meanMs: number;
  readonly #starts: Float64Array;
  readonly #latencies: Float64Array;
  /** Sorted when first asked for a percentile. */
  #sorted: Float64Array | undefined;

  constructor(
    starts: Float64Array,
    latencies: Float64Array,
    servers: readonly ServerReport[],
    ejections: readonly EjectionRecord[],
  ) {
    this.servers = servers;
    this.ejections = ejections;
    this.#starts = starts;
    this.#latencies = latencies;
    this.calls = latencies.length;
    let failed = 0;
    let sumMs = 0;
    for (const ms of latencies) {
      if (ms === Number.POSITIVE_INFINITY) failed++;
      else sumMs += ms;
    }
    this.failed = failed;
    this.meanMs = sumMs / (this.calls - failed);
  }

  successRatio(withinMs: number = Number.POSITIVE_INFINITY): number {
    return 1 - this.slower(withinMs) / this.calls;
  }

  slower(thanMs: number): number {
    let slower = 0;
    for (const ms of this.#latencies) if (ms >= thanMs) slower++;
    return slower;
  }

  percentileMs(share: number): number {
    this.#sorted ??= Float64Array.from(this.#latencies).sort();
    const rank = Math.ceil(share * this.calls) - 1;
    return this.#sorted[Math.min(Math.max(rank, 0), this.calls - 1)] ?? Number.NaN;
  }

  between(fromMs: number, untilMs: number): SimulationReport {
    const inside = (_: number, i: number): boolean => this.#starts[i]! >= fromMs && this.#starts[i]! < untilMs;
    return new Report(this.#starts.filter(inside), this.#latencies.filter(inside), this.servers, this.ejections);
  }
}
