import { type KeyResult, PartialResultError, type RedisKey } from '../common/errors.js';
import { type Command, decoded, partOf } from '../driver/driver.js';
import type { ShardSet } from '../shards/shard-set.js';
import { mergeReplies, type Part, type Split, type SplitMerge, splitOf, widthOf } from './split.js';
import { tracedBatch } from './traced-batch.js';

/**
 * Sends each shard its keys and settles the command with the merged reply, or with a
 * PartialResultError where some shard failed. A command whose keys lie on one shard is sent as it
 * is.
 */
export function sendSplit(command: Command, merge: SplitMerge, set: ShardSet, service: string): void {
  const width = widthOf(merge);
  const args = command.args as RedisKey[];
  if (args.length % width !== 0) {
    // The server reports best what is wrong with it.
    set.any.send(command);
    return;
  }
  const split = splitOf(args, width, set);
  const { parts } = split;
  if (parts.length === 1) {
    parts[0]!.shard.send(command);
    return;
  }
  const { sent, end } = tracedBatch(command, parts.length, service, parts[0]?.shard.shard, () =>
    sendParts(command, parts),
  );
  const fail = (error: Error): void => {
    end(error);
    command.reject(error);
  };
  // What all have answered needs no more than this; what some have not is asked for once more.
  Promise.all(sent)
    .then(
      (replies) => {
        const whole = mergeReplies(merge, split, replies);
        end();
        command.resolve(whole as never);
      },
      async () => {
        const settled = await Promise.allSettled(sent);
        fail(new PartialResultError(service, command.name, resultsOf(command, merge, split, settled)));
      },
    )
    // A reply that is not what the command's should be.
    .catch(fail);
}

function sendParts(command: Command, parts: readonly Part[]): Promise<unknown>[] {
  const sent: Promise<unknown>[] = new Array(parts.length);
  for (let i = 0; i < parts.length; i++) {
    const part = partOf(command, parts[i]!.args);
    sent[i] = part.promise;
    parts[i]!.shard.send(part);
  }
  return sent;
}

function resultsOf(
  command: Command,
  merge: SplitMerge,
  { parts, partOf: partNumbers }: Split,
  settled: readonly PromiseSettledResult<unknown>[],
): KeyResult[] {
  const width = widthOf(merge);
  const taken: number[] = parts.map(() => 0);
  return partNumbers.map((number, i) => {
    const outcome = settled[number]!;
    const error = outcome.status === 'rejected' ? (outcome.reason as Error) : undefined;
    const reply = outcome.status === 'fulfilled' ? outcome.value : undefined;
    const at = taken[number]!++;
    const one = merge === 'values' && error === undefined ? (reply as readonly unknown[])[at] : reply;
    const value = one === undefined ? undefined : decoded(command, one);
    return { key: command.args[i * width] as RedisKey, shard: parts[number]!.shard.name, value, error };
  });
}
