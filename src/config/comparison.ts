import { CallMeter } from '../endpoint/call-meter.js';
import type { Mesh } from '../mesh.js';
import { windowSnapshot } from '../monitor/call-snapshot.js';
import { meshFigures } from '../monitor/mesh-figures.js';
import type { WindowSnapshot } from '../monitor/snapshot.js';
import type { Timer } from '../runtime/clock.js';
import type { LiveService } from '../service/service.js';
import type { CallFigures, ServiceComparison } from './version.js';

/** The window before a version, and how long is looked at after it. */
const WINDOW = 'last10s';
const WINDOW_MS = 10_000;

const NO_CALLS: CallFigures = { calls: 0, failureRatio: null, p50Ms: null, p99Ms: null };

/** Reads how services do before and after a version. */
export class Comparison {
  readonly #mesh: Mesh;
  readonly #figures: ReturnType<typeof meshFigures>;
  #timer: Timer | undefined;
  /** Of the latest version that was compared. */
  #latest: Readonly<Record<string, number>> = {};

  constructor(mesh: Mesh) {
    this.#mesh = mesh;
    this.#figures = meshFigures(mesh);
  }

  /**
   * What the latest comparison came to, as figures of a part: those of services that had calls.
   */
  get figures(): Readonly<Record<string, number>> {
    return this.#latest;
  }

  /**
   * How services do now, at the beginning of a version; `done` is told once enough time has passed,
   * unless another one begins.
   */
  begin(version: number, done: (services: readonly ServiceComparison[]) => void): void {
    const before = new Map(this.#figures.read().services.map(({ name, calls }) => [name, figuresOf(calls[WINDOW])]));
    const stood = new Map(this.#meters().map(([name, meter]) => [name, copyOf(meter)]));
    this.#timer?.cancel();
    this.#timer = this.#mesh.clock.after(WINDOW_MS, () => {
      const since = new CallMeter();
      const services = this.#meters().map(([service, meter]): ServiceComparison => {
        since.difference(meter, stood.get(service) ?? new CallMeter());
        const after = figuresOf(windowSnapshot(since, WINDOW_MS));
        return { service, before: before.get(service) ?? NO_CALLS, after };
      });
      this.#latest = asFigures(version, services);
      done(services);
    });
  }

  close(): void {
    this.#timer?.cancel();
    this.#figures.close();
  }

  #meters(): [string, CallMeter][] {
    return [...this.#mesh.services].map(([name, service]) => [name, (service as LiveService).meter.total]);
  }
}

function copyOf(meter: CallMeter): CallMeter {
  const copy = new CallMeter();
  copy.copy(meter);
  return copy;
}

/** What there was no call for is left out: there it is neither 0 nor 1. */
function asFigures(version: number, services: readonly ServiceComparison[]): Record<string, number> {
  const figures: Record<string, number> = { comparedVersion: version };
  for (const { service, before, after } of services) {
    if (before.calls + after.calls === 0) continue;
    for (const [when, of] of [
      ['Before', before],
      ['After', after],
    ] as const) {
      for (const name of ['calls', 'failureRatio', 'p50Ms', 'p99Ms'] as const) {
        const value = of[name];
        if (value !== null) figures[`${name}${when} ${service}`] = value;
      }
    }
  }
  return figures;
}

function figuresOf({ calls, failureRatio, p50Ms, p99Ms }: WindowSnapshot): CallFigures {
  return { calls, failureRatio, p50Ms, p99Ms };
}
