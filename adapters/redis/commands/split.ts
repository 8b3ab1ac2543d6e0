import { type KeyResult, PartialResultError, type RedisKey } from '../common/errors.js';
import { type Command, partOf } from '../driver/driver.js';
import type { Target } from '../shards/shard.js';
import type { ShardSet } from '../shards/shard-set.js';
import { tracedBatch } from './traced-batch.js';

type SplitMerge = 'values' | 'sum' | 'status';

/** The keys of one command that lie on one shard. */
interface Part {
  readonly shard: Target;
  /** Their numbers among the command's keys. */
  readonly positions: number[];
  readonly args: (string | Buffer)[];
}

/**
 * Groups keys by shard, in the order in which the shards first appear. `width`: arguments per key,
 * 2 for MSET.
 */
export function partsOf(args: readonly (string | Buffer)[], width: number, shardOf: (key: RedisKey) => Target): Part[] {
  const parts = new Map<Target, Part>();
  for (let i = 0; i * width < args.length; i++) {
    const shard = shardOf(args[i * width]!);
    let part = parts.get(shard);
    if (part === undefined) {
      part = { shard, positions: [], args: [] };
      parts.set(shard, part);
    }
    part.positions.push(i);
    for (let j = 0; j < width; j++) part.args.push(args[i * width + j]!);
  }
  return [...parts.values()];
}

/**
 * Sends each shard its keys and settles the command with the merged reply, or with a
 * PartialResultError where some shard failed. A command whose keys lie on one shard is sent as it
 * is.
 */
export function sendSplit(command: Command, merge: SplitMerge, shards: ShardSet, service: string): void {
  const width = merge === 'status' ? 2 : 1;
  const args = command.args as (string | Buffer)[];
  if (args.length === 0 || args.length % width !== 0) {
    // The server reports best what is wrong with it.
    shards.any.send(command);
    return;
  }
  const parts = partsOf(args, width, (key) => shards.ownerOf(key));
  if (parts.length === 1) {
    parts[0]!.shard.send(command);
    return;
  }
  const { sent: replies, end } = tracedBatch(command, parts.length, service, () =>
    parts.map(({ shard, args: own }) => {
      const part = partOf(command, own);
      shard.send(part);
      return part.promise as Promise<unknown>;
    }),
  );
  const whole = Promise.allSettled(replies).then((settled) => {
    if (settled.every(({ status }) => status === 'fulfilled')) {
      const values = settled.map((each) => (each as PromiseFulfilledResult<unknown>).value);
      end();
      command.resolve(mergeReplies(merge, parts, values, args.length / width));
      return;
    }
    const error = new PartialResultError(service, command.name, resultsOf(command, merge, parts, settled, width));
    end(error);
    command.reject(error);
  });
  // A reply that is not what the command's should be.
  whole.catch((error: Error) => {
    end(error);
    command.reject(error);
  });
}

export function mergeReplies(
  merge: SplitMerge,
  parts: readonly Pick<Part, 'positions'>[],
  replies: readonly unknown[],
  count: number,
): unknown {
  if (merge === 'status') return replies[0];
  if (merge === 'sum') return sum(replies);
  const values: unknown[] = new Array(count).fill(null);
  parts.forEach(({ positions }, i) => {
    positions.forEach((position, j) => {
      values[position] = (replies[i] as readonly unknown[])[j];
    });
  });
  return values;
}

/** Numbers come as strings where the option `stringNumbers` is set. */
export function sum(replies: readonly unknown[]): unknown {
  const total = replies.reduce((so: number, reply) => so + Number(reply), 0);
  return typeof replies[0] === 'number' ? total : String(total);
}

function resultsOf(
  command: Command,
  merge: SplitMerge,
  parts: readonly Part[],
  settled: readonly PromiseSettledResult<unknown>[],
  width: number,
): KeyResult[] {
  const results: KeyResult[] = [];
  parts.forEach(({ shard, positions, args }, i) => {
    const outcome = settled[i]!;
    positions.forEach((position, j) => {
      const error = outcome.status === 'rejected' ? (outcome.reason as Error) : undefined;
      const reply = outcome.status === 'fulfilled' ? outcome.value : undefined;
      const one = merge === 'values' && error === undefined ? (reply as readonly unknown[])[j] : reply;
      const value = one === undefined ? undefined : command.transformReply(one as Buffer);
      results[position] = { key: args[j * width]!, shard: shard.name, value, error };
    });
  });
  return results;
}
