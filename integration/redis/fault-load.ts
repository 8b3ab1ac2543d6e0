import type { ShardedRedis } from 'fairlead/redis';

/** What came of the operations since `mark()`. */
export interface FaultCounts {
  operations: number;
  /** On keys of the victim. */
  failedThere: number;
  failedElsewhere: number;
  /** Reads that found nothing, or less than was acknowledged, where a store has to have it. */
  lost: number;
  /** Reads that found something older than what was acknowledged. */
  stale: number;
  /** Reads that found nothing although something was acknowledged: what a cache may do. */
  misses: number;
}

export interface FaultLoad {
  readonly counts: FaultCounts;
  /** The fault begins: what was until now is what to compare with. */
  mark(): void;
  stop(): Promise<void>;
  row(): string;
}

const KEYS = 60;

/**
 * One worker for each key, which writes numbers that grow and reads them back: so that for every
 * read it is known what was acknowledged before.
 */
export function startLoad(redis: ShardedRedis, victim: string | undefined): FaultLoad {
  const counts = { operations: 0, failedThere: 0, failedElsewhere: 0, lost: 0, stale: 0, misses: 0 };
  const before: number[] = [];
  const during: number[] = [];
  let latencies = before;
  let running = true;
  const worker = async (key: string, phase: number): Promise<void> => {
    const there = victim === undefined || redis.shardFor(key) === victim;
    let acknowledged = 0;
    for (let n = 1; running; n++) {
      const began = performance.now();
      try {
        counts.operations++;
        // Replies come in rows, so that workers of one phase would all do the same.
        if ((n + phase) % 2 === 1) {
          await redis.set(key, String(n));
          acknowledged = n;
        } else {
          const value = await redis.get(key);
          if (acknowledged > 0 && value === null) {
            counts.misses++;
            counts.lost++;
          } else if (value !== null && Number(value) < acknowledged) {
            counts.stale++;
            counts.lost++;
          }
        }
        if (!there || victim === undefined) latencies.push(performance.now() - began);
      } catch {
        if (there) counts.failedThere++;
        else counts.failedElsewhere++;
        // As a caller that backs off a little.
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
  };
  const workers = Array.from({ length: KEYS }, (_, i) => worker(`load:${i}`, i));
  return {
    counts,
    mark: () => {
      Object.assign(counts, { operations: 0, failedThere: 0, failedElsewhere: 0, lost: 0, stale: 0, misses: 0 });
      latencies = during;
    },
    stop: async () => {
      running = false;
      await Promise.all(workers);
    },
    row: () => {
      const { operations, failedThere, failedElsewhere, lost, stale, misses } = counts;
      const numbers = [operations, failedThere, failedElsewhere, lost, stale, misses];
      const widths = [10, 14, 18, 6, 7, 8];
      const [was, is] = [percentile(before, 0.99), percentile(during, 0.99)];
      const cells = numbers.map((number, i) => String(number).padStart(widths[i]!));
      return `${cells.join('')}  ${was.toFixed(2)} to ${is.toFixed(2)} ms (${(is / was).toFixed(2)} times)`;
    },
  };
}

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
}
