import type { ServiceSnapshot } from '../snapshot.js';

const MINUTE_MS = 60_000;

/** How many ejections there were within a minute, from the sums that were seen before. */
export class EjectionRate {
  readonly #seen = new Map<string, { readonly atMs: number; readonly total: number }[]>();

  /** Of a service as it is now. Call it at each look. */
  lastMinute(service: ServiceSnapshot, nowMs: number): number {
    const total = totalOf(service);
    // Sums begin with the figures, and those with the first look.
    const seen = this.#seen.get(service.name) ?? [{ atMs: nowMs, total: 0 }];
    this.#seen.set(service.name, seen);
    seen.push({ atMs: nowMs, total });
    // The last one before the minute stays: it says how many there were when that began.
    while (seen.length > 2 && seen[1]!.atMs <= nowMs - MINUTE_MS) seen.shift();
    return total - seen[0]!.total;
  }

  /** Begins anew: what was counted up to now is not of the last minute. */
  restart(services: readonly ServiceSnapshot[], nowMs: number): void {
    for (const service of services) this.#seen.set(service.name, [{ atMs: nowMs, total: totalOf(service) }]);
  }
}

function totalOf({ ejections }: ServiceSnapshot): number {
  return Object.values(ejections).reduce((sum, count) => sum + count, 0);
}
