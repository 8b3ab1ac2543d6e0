import { shardUnavailable } from '../common/errors.js';
import { type Command, refuseAll } from '../driver/driver.js';
import type { PendingCommands } from '../shards/pending-commands.js';
import type { Target } from '../shards/shard.js';

/** How a command goes on that waits until it is known whether its shard is used. */
export interface HeldVia {
  readonly target: Target;
  readonly blocking: boolean;
}

export type Held = PendingCommands<HeldVia>;

/** Sends all to where they were bound, in the order in which they came. */
export function release(held: Held): void {
  for (const { commands, via } of held.takeAll()) {
    const [command] = commands;
    if (commands.length > 1) via.target.sendTogether(commands);
    else if (via.blocking) via.target.blocking.send(command!);
    else via.target.send(command!);
  }
}

/** Sends all elsewhere, transactions as a whole. What is for this shard alone (`keyless`) fails. */
export function reroute(
  held: Held,
  service: string,
  keyless: Target,
  again: (commands: readonly Command[]) => void,
): void {
  for (const { commands, via } of held.takeAll()) {
    if (via.target !== keyless) again(commands);
    else refuseAll(commands, () => shardUnavailable(service, via.target.name, 'is down'));
  }
}
