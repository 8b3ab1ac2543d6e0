import type { RedisKey } from '../common/errors.js';
import type { Target } from '../shards/shard.js';
import type { ShardSet } from '../shards/shard-set.js';

export type SplitMerge = 'values' | 'sum' | 'status';

/** The keys of one command that lie on one shard. */
export interface Part {
  readonly shard: Target;
  /** Its keys in the order of the command, each with what belongs to it. */
  readonly args: RedisKey[];
}

interface SizedPart extends Part {
  args: RedisKey[];
  /** Of its arguments, when they are counted; then how many are there. */
  size: number;
}

const NONE: RedisKey[] = [];

/** A command with its keys placed. */
export interface Split {
  /** In the order in which their shards first appear. */
  readonly parts: readonly Part[];
  /** The number of the part, by the number of the key. */
  readonly partOf: readonly number[];
}

/** What says where keys go: see there. */
export type Places = Pick<ShardSet, 'places' | 'placeOf' | 'targetAt'>;

/** Arguments for each key. */
export const widthOf = (merge: SplitMerge): number => (merge === 'status' ? 2 : 1);

/**
 * Groups keys by shard. Each key is placed once, and nothing grows: what it allocates is what the
 * parts need. `width`: arguments for each key; their number is a multiple of it.
 */
export function splitOf(args: readonly RedisKey[], width: number, set: Places): Split {
  const count = args.length / width;
  const partOf: number[] = new Array(count).fill(0);
  const partAt: number[] = new Array(set.places).fill(-1);
  const parts: SizedPart[] = [];
  for (let i = 0; i < count; i++) {
    const place = set.placeOf(args[i * width]!);
    let part = partAt[place]!;
    if (part === -1) {
      part = partAt[place] = parts.length;
      parts.push({ shard: set.targetAt(place), args: NONE, size: 0 });
    }
    partOf[i] = part;
    parts[part]!.size += width;
  }
  for (const part of parts) {
    part.args = new Array(part.size);
    part.size = 0;
  }
  for (let i = 0; i < count; i++) {
    const part = parts[partOf[i]!]!;
    for (let j = i * width; j < (i + 1) * width; j++) part.args[part.size++] = args[j]!;
  }
  return { parts, partOf };
}

/** One reply of the replies of all parts, in their order. */
export function mergeReplies(
  merge: SplitMerge,
  { partOf }: Pick<Split, 'partOf'>,
  replies: readonly unknown[],
): unknown {
  if (merge === 'status') return replies[0];
  if (merge === 'sum') return sum(replies);
  const values: unknown[] = new Array(partOf.length).fill(null);
  const taken: number[] = new Array(replies.length).fill(0);
  for (let i = 0; i < values.length; i++) {
    const part = partOf[i]!;
    values[i] = (replies[part] as readonly unknown[])[taken[part]!++];
  }
  return values;
}

/** Numbers come as strings where the option `stringNumbers` is set. */
export function sum(replies: readonly unknown[]): unknown {
  const total = replies.reduce((so: number, reply) => so + Number(reply), 0);
  return typeof replies[0] === 'number' ? total : String(total);
}
