import { Durations } from '../runtime/durations.js';
import type { OperationMeter, OperationSeries, OperationSystem } from '../telemetry/operation-meter.js';
import type { ServiceMeter } from '../telemetry/service-meter.js';

/**
 * How long the operations of a service took that have one name and ended in one way, since they
 * are counted: as callers see them, so that repeats are part of one.
 */
export class OperationHistogram {
  /** Whose convention they follow. */
  readonly system: OperationSystem;
  /** A method of gRPC or HTTP; a command, or a statement's first word, in upper case. */
  readonly operation: string;
  /** `OK`, `503`, the code of an error; '' where the protocol has none for what went well. */
  readonly status: string;
  /** Whether it failed, as callers see it. */
  readonly failed: boolean;
  readonly #durations = new Durations();

  constructor(system: OperationSystem, name: string, { status, failed }: OperationSeries) {
    this.system = system;
    this.operation = name;
    this.status = status;
    this.failed = failed;
  }

  /** Those of all its adapters that there were. */
  static of(meter: ServiceMeter): readonly OperationHistogram[] {
    return [...meter.operations].flatMap((each) => OperationHistogram.#of(each)).filter(({ count }) => count > 0);
  }

  /** Redis does not care how a command is written: `get` and `GET` are one. */
  static #of({ system, all }: OperationMeter): OperationHistogram[] {
    const byName = new Map<string, OperationHistogram>();
    for (const series of all) {
      const name = system === 'redis' ? series.operation.toUpperCase() : series.operation;
      const key = `${name}\n${series.status}\n${series.failed}`;
      let histogram = byName.get(key);
      if (histogram === undefined) {
        histogram = new OperationHistogram(system, name, series);
        byName.set(key, histogram);
      }
      histogram.#durations.addAll(series);
    }
    return [...byName.values()];
  }

  get count(): number {
    return this.#durations.count;
  }

  get sumMs(): number {
    return this.#durations.sumMs;
  }

  /** As `LatencyHistogram.upTo`. */
  upTo(boundariesMs: readonly number[]): number[] {
    return this.#durations.upTo(boundariesMs);
  }
}
