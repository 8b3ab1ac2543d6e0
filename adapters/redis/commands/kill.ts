import { PartialResultError } from '../common/errors.js';
import { type Command, partOf } from '../driver/driver.js';
import { sendAside } from '../shards/send-aside.js';
import type { Shard } from '../shards/shard.js';
import type { ShardSet } from '../shards/shard-set.js';
import { shardResult } from './fan-out.js';

/** What a server answers that runs no script. */
const idle = ({ reason }: { readonly reason?: unknown }): boolean =>
  reason instanceof Error && reason.message.startsWith('NOTBUSY');

/**
 * SCRIPT KILL and FUNCTION KILL. A script keeps its server, and the connection that it came by,
 * from answering: so this goes to every shard whatever its state, by a connection of its own. One
 * server that was busy is enough; those that run nothing count where all of them say so.
 */
export function sendKill(command: Command, set: ShardSet, service: string): void {
  const shards = [...new Set<Shard>([...set.shards, ...set.everyone.map(({ shard }) => shard)])];
  const sent = shards.map((shard) => {
    const part = partOf(command, [...command.args]);
    sendAside(part, shard);
    return part.promise as Promise<unknown>;
  });
  void Promise.allSettled(sent).then((settled) => {
    const busy = settled.map((each, i) => ({ each, shard: shards[i]! })).filter(({ each }) => !idle(each as never));
    const [first = { each: settled[0]! }] = busy;
    if (busy.length > 1 && busy.some(({ each }) => each.status === 'rejected')) {
      const results = busy.map(({ each, shard }) => shardResult(shard.name, each));
      command.reject(new PartialResultError(service, command.name, results, 'shards'));
    } else if (first.each.status === 'rejected') command.reject(first.each.reason as Error);
    else command.resolve(first.each.value as Buffer);
  });
}
