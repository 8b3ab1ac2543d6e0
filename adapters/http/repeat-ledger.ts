import { optionReaders } from '../../src/adapter.js';

/**
 * Why a request that failed was not made again. `body`: more of it had gone out than is kept;
 * `memory`: all kept bodies together are too large; `method`: it may have been executed and is not
 * idempotent; `chain`: a gateway before this one repeats it; `attempts`: there were as many as may
 * be; `budget`: the service's budget of repeats is spent; `wait`: the server asked for more
 * patience than there is.
 */
export type SkippedRepeat = 'body' | 'memory' | 'method' | 'chain' | 'attempts' | 'budget' | 'wait';

const { integer, readOptions } = optionReaders;
const TIB = 1_099_511_627_776;
/** Throws FAIRLEAD_INVALID_OPTION. */
export const readMaxReplayBytes: optionReaders.Reader<number> = integer(67_108_864, 0, TIB);

/**
 * What several dispatchers share: how much of request bodies they keep for repeats, all together,
 * and counts of repeats that were not made.
 */
export class RepeatLedger {
  readonly #maxReplayBytes: number;
  #replayBytes = 0;
  readonly #skipped: Record<SkippedRepeat, number> = {
    body: 0,
    memory: 0,
    method: 0,
    chain: 0,
    attempts: 0,
    budget: 0,
    wait: 0,
  };

  /** `maxReplayBytes`: default 67,108,864; 0 to 2^40. Throws FAIRLEAD_INVALID_OPTION. */
  constructor(options: { readonly maxReplayBytes?: number } = {}) {
    const read = readOptions<{ maxReplayBytes: number }>('RepeatLedger', options, {
      maxReplayBytes: readMaxReplayBytes,
    });
    this.#maxReplayBytes = read.maxReplayBytes;
  }

  /** Kept now; bytes. */
  get replayBytes(): number {
    return this.#replayBytes;
  }

  get skipped(): Readonly<Record<SkippedRepeat, number>> {
    return this.#skipped;
  }

  /** By name, for those who show them. */
  get figures(): Readonly<Record<string, number>> {
    const figures: Record<string, number> = { replayBytes: this.#replayBytes };
    for (const [reason, count] of Object.entries(this.#skipped)) figures[`retry_skipped.${reason}`] = count;
    return figures;
  }

  /** @internal False where there is no room. */
  keep(bytes: number): boolean {
    if (this.#replayBytes + bytes > this.#maxReplayBytes) return false;
    this.#replayBytes += bytes;
    return true;
  }

  /** @internal */
  forget(bytes: number): void {
    this.#replayBytes -= bytes;
  }

  /** @internal */
  skip(reason: SkippedRepeat): void {
    this.#skipped[reason]++;
  }
}
