import type { AdminState } from '../state/admin-state.js';

/** Ten minutes at an update a second. */
const MAX_POINTS = 600;

export interface Series {
  /** Seconds of the calendar. */
  readonly at: number[];
  readonly rate: (number | null)[];
  readonly p50: (number | null)[];
  readonly p90: (number | null)[];
  readonly p99: (number | null)[];
  readonly errors: (number | null)[];
  readonly inflight: (number | null)[];
}

/** The figures of each service since the page was opened: the process keeps none. */
export class Past {
  readonly #services = new Map<string, Series>();

  of(service: string): Series {
    const known = this.#services.get(service);
    if (known !== undefined) return known;
    const series: Series = { at: [], rate: [], p50: [], p90: [], p99: [], errors: [], inflight: [] };
    this.#services.set(service, series);
    return series;
  }

  add({ atMs, services }: AdminState): void {
    for (const [name, { now, inflight }] of Object.entries(services)) {
      const series = this.of(name);
      const last = series.at.at(-1);
      if (last !== undefined && atMs / 1_000 - last < 0.4) continue;
      series.at.push(atMs / 1_000);
      series.rate.push(now.rate);
      series.p50.push(now.p50Ms ?? null);
      series.p90.push(now.p90Ms ?? null);
      series.p99.push(now.p99Ms ?? null);
      series.errors.push(now.failureRatio === undefined ? null : now.failureRatio * 100);
      series.inflight.push(inflight);
      if (series.at.length > MAX_POINTS) for (const each of Object.values(series)) each.shift();
    }
  }
}
