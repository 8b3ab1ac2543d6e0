import type { OperationMeter, OperationSystem } from '../telemetry/operation-meter.js';
import type { ServiceMeter } from '../telemetry/service-meter.js';
import { upTo } from './latency-histogram.js';

const MICROS_PER_MS = 1_000;

/**
 * How long the operations of a service took that have one name and ended in one way, since they
 * are counted: as callers see them, so that repeats are part of one.
 */
export class OperationHistogram {
  /** Whose convention they follow. */
  readonly system: OperationSystem;
  /** A method of gRPC or HTTP, the name of a command in upper case, the kind of a statement. */
  readonly operation: string;
  /** `OK`, `503`, the code of an error; '' where the protocol has none for what went well. */
  readonly status: string;
  /** Whether it failed, as callers see it. */
  readonly failed: boolean;
  readonly sumMs: number;
  readonly #counts: readonly number[];

  constructor(of: Omit<OperationHistogram, 'upTo' | 'count'>, counts: readonly number[]) {
    this.system = of.system;
    this.operation = of.operation;
    this.status = of.status;
    this.failed = of.failed;
    this.sumMs = of.sumMs;
    this.#counts = counts;
  }

  /** Those of all its adapters that there were. */
  static of(meter: ServiceMeter): readonly OperationHistogram[] {
    return [...meter.operations].flatMap((each) => histogramsOf(each)).filter(({ count }) => count > 0);
  }

  get count(): number {
    return this.#counts.reduce((all, each) => all + each, 0);
  }

  /** As `LatencyHistogram.upTo`. */
  upTo(boundariesMs: readonly number[]): number[] {
    return upTo(this.#counts, boundariesMs);
  }
}

/** Redis and SQL do not care how a command is written: `get` and `GET` are one. */
function histogramsOf({ system, all }: OperationMeter): OperationHistogram[] {
  const byName = new Map<
    string,
    { operation: string; status: string; failed: boolean; sum: number; counts: number[] }
  >();
  for (const { operation, status, failed, counts, sum } of all) {
    const name = system === 'redis' ? operation.toUpperCase() : operation;
    const key = `${name}\n${status}\n${failed}`;
    const known = byName.get(key) ?? { operation: name, status, failed, sum: 0, counts: Array.from(counts, () => 0) };
    known.sum += sum[0]!;
    for (let i = 0; i < counts.length; i++) known.counts[i]! += counts[i]!;
    byName.set(key, known);
  }
  return [...byName.values()].map(
    ({ sum, counts, ...about }) => new OperationHistogram({ system, ...about, sumMs: sum / MICROS_PER_MS }, counts),
  );
}
