import type { ShardedRedis } from 'fairlead/redis';
import type { Random } from 'fairlead/testing';
import type { ClientHistory } from '../../history.js';
import { judge } from './judge.js';

export interface OperationContext {
  readonly redis: ShardedRedis;
  readonly history: ClientHistory;
  readonly keys: number;
  readonly name: string;
  /** What it does meanwhile may be lost. */
  readonly hearsLate: boolean;
  /** Counts up: makes values unique. */
  unique: number;
}

export type Operate = (context: OperationContext, worker: number, random: Random) => Promise<unknown>;
export type Weighted = readonly [weight: number, operate: Operate];

/** One recorded command about one key; where it failed, which shard had the key. */
export function command<T>(
  { history, redis }: OperationContext,
  worker: number,
  name: string,
  key: string,
  input: unknown,
  ask: () => Promise<T>,
): Promise<T | undefined> {
  return history.run(worker, name, key, input, ask, judge, () => {
    return { shard: redis.shardFor(key) };
  });
}

export const numbered = (kind: string, { keys }: OperationContext, random: Random): string =>
  `${kind}:${random.below(keys)}`;
export const fresh = (context: OperationContext): string => `${context.name}-${context.unique++}`;

/** The last answer of a pipeline. */
export function only(results: [Error | null, unknown][] | null): unknown {
  const [error, value] = results![results!.length - 1]!;
  if (error) throw error;
  return value;
}
