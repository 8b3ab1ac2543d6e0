import type { Clock } from '../../../src/index.js';
import type { RedisKey } from '../common/errors.js';
import { asMade, type Command, type MadeCommand } from '../driver/driver.js';
import type { Shard, Target } from '../shards/shard.js';
import { leftToWait } from './blocking-time.js';

export interface WaitingHost {
  readonly clock: Clock;
  ownerOf(key: RedisKey): Target;
  /** Decides anew where it goes. */
  route(command: Command): void;
}

interface Waiting {
  /** As its caller made it: on its way keys may get other names. */
  readonly made: MadeCommand;
  readonly sinceMs: number;
  readonly keys: readonly RedisKey[];
  shard: Shard;
  recalled: boolean;
}

/**
 * Commands that wait at a shard (BLPOP, XREAD BLOCK …). One whose keys get another owner would wait
 * for ever for what is written there. It is recalled by CLIENT UNBLOCK, after which the server
 * either answered by what it had found or has done nothing, and goes to the new owner for the rest
 * of its time.
 */
export class WaitingCommands {
  readonly #host: WaitingHost;
  readonly #waiting = new Map<Command, Waiting>();

  constructor(host: WaitingHost) {
    this.#host = host;
  }

  /** Sends it to the owner of its keys. */
  send(command: Command, keys: readonly RedisKey[], owner: Target): void {
    if (keys.length > 0) this.#add(command, keys, owner.shard);
    owner.blocking.send(command);
  }

  /** Keys may have other owners now. */
  check(): void {
    for (const [command, each] of this.#waiting) {
      // One key is enough: what has keys of several owners then is refused, as anew.
      if (each.recalled || each.keys.every((key) => this.#host.ownerOf(key).shard === each.shard)) continue;
      each.recalled = each.shard.blocking.recall(command);
    }
  }

  #add(command: Command, keys: readonly RedisKey[], shard: Shard): void {
    const known = this.#waiting.get(command);
    if (known !== undefined) {
      known.shard = shard;
      return;
    }
    const made = asMade(command);
    const waiting = { made, sinceMs: this.#host.clock.now(), keys, shard, recalled: false };
    this.#waiting.set(command, waiting);
    const over = (): void => void this.#waiting.delete(command);
    command.promise.then(over, over);
    command.reject = (error) => {
      // One that has timed out meanwhile must take nothing elsewhere.
      const waits = this.#waiting.get(command) === waiting;
      if (waits && waiting.recalled && isUnblocked(error)) this.#again(command, waiting);
      else made.reject(error);
    };
  }

  #again(command: Command, { made, sinceMs, shard }: Waiting): void {
    this.#waiting.delete(command);
    shard.blocking.leave(command);
    made.restore();
    leftToWait(command, this.#host.clock.now() - sinceMs);
    this.#host.route(command);
  }
}

const isUnblocked = (error: unknown): boolean => error instanceof Error && error.message.startsWith('UNBLOCKED');
