import { type KeyResult, PartialResultError } from '../common/errors.js';
import { type Command, partOf } from '../driver/driver.js';
import type { Target } from '../shards/shard.js';
import type { ShardSet } from '../shards/shard-set.js';
import type { Merge } from './rules.js';
import { sum } from './split.js';
import { tracedBatch } from './traced-batch.js';

/**
 * Sends a command to every shard and settles it with one reply. Where some shard fails it is
 * rejected with a PartialResultError that has a result per shard; except for a text about each
 * shard, which says of one that it failed, unless all did.
 */
export function sendToAll(
  command: Command,
  merge: Exclude<Merge, 'scan'> | 'first',
  set: ShardSet,
  service: string,
): void {
  const shards = set.everyone;
  const { sent: replies, end } = tracedBatch(command, shards.length, service, shards[0]?.shard, () =>
    shards.map((shard) => {
      const part = partOf(command, [...command.args]);
      shard.send(part);
      return part.promise as Promise<unknown>;
    }),
  );
  const whole = Promise.allSettled(replies).then((settled) => {
    const failed = settled.filter(({ status }) => status === 'rejected').length;
    if (failed > (merge === 'sections' ? shards.length - 1 : 0)) {
      const results = settled.map((each, i) => shardResult(shards[i]!.name, each));
      const error = new PartialResultError(service, command.name, results, 'shards');
      end(error);
      command.reject(error);
      return;
    }
    end();
    const values = settled.map((each) => (each.status === 'fulfilled' ? each.value : failedText(each.reason)));
    command.resolve(merges[merge](values, shards));
  });
  // A reply that is not what the command's should be.
  whole.catch((error: Error) => {
    end(error);
    command.reject(error);
  });
}

/** As INFO writes a field. A library that looks for one in it is served by the others. */
const failedText = (error: Error): string => `unavailable:${error.message.replace(/\s+/g, ' ')}\r\n`;

/** A command without keys: the shard's name stands in for one. */
export function shardResult(name: string, settled: PromiseSettledResult<unknown>): KeyResult {
  return settled.status === 'fulfilled'
    ? { key: name, shard: name, value: settled.value, error: undefined }
    : { key: name, shard: name, value: undefined, error: settled.reason as Error };
}

type Replies = readonly unknown[];

const lists = (replies: Replies): Buffer[][] => replies as Buffer[][];

const merges: Readonly<
  Record<Exclude<Merge, 'scan'> | 'first', (replies: Replies, shards: readonly Target[]) => unknown>
> = {
  first: (replies) => replies[0],
  sum,
  concat: (replies) => lists(replies).flat(),
  union: (replies) => {
    const seen = new Map(
      lists(replies).flatMap((list) => list.map((item) => [item.toString('latin1'), item] as const)),
    );
    return [...seen.values()];
  },
  any: (replies) => replies.find((reply) => reply !== null) ?? null,
  earliest: (replies) => replies.reduce((least, reply) => (Number(reply) < Number(least) ? reply : least)),
  most: (replies) => replies.reduce((most, reply) => (Number(reply) > Number(most) ? reply : most)),
  // SCRIPT EXISTS: only what every shard has can be relied on.
  every: (replies) =>
    (replies[0] as unknown[]).map((first, i) => {
      const bit = lists(replies).every((list) => Number(list[i]) === 1) ? 1 : 0;
      return typeof first === 'number' ? bit : String(bit);
    }),
  // PUBSUB NUMSUB: channel, count, channel, count …
  counts: (replies) =>
    (replies[0] as unknown[]).map((item, i) =>
      i % 2 === 0 ? item : sum(replies.map((reply) => (reply as unknown[])[i])),
    ),
  sections: (replies, shards) =>
    Buffer.concat(
      replies.map((reply, i) =>
        Buffer.concat([
          Buffer.from(`# Shard ${shards[i]!.name}\r\n`),
          Buffer.from(reply as Buffer),
          Buffer.from('\r\n'),
        ]),
      ),
    ),
};
