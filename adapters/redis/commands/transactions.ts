import { CrossShardError, type RedisKey, unroutable } from '../common/errors.js';
import { type Command, refuse } from '../driver/driver.js';
import type { Target } from '../shards/shard.js';

/** How a transaction asks where its commands go. */
export interface TransactionRouter {
  readonly service: string;
  keysOf(command: Command): readonly RedisKey[];
  ownerOf(key: RedisKey): Target;
  /** For transactions without a key. */
  any(): Target;
  /** Why the command is not sent at all; undefined where it is. */
  refusal(command: Command): Error | undefined;
  /** Why the command cannot be part of a transaction; undefined where it can. */
  objection(command: Command): string | undefined;
}

const MULTI = 'multi';

/**
 * MULTI … EXEC in pipelines. A pipeline hands over its commands one after the other within one
 * tick; those of a transaction are held back until EXEC, checked, and sent to their one shard
 * together, so that none is sent where they belong to several, and no other command comes between
 * them.
 */
export class Transactions {
  readonly #router: TransactionRouter;
  /** By the pipeline's stream object, which is one for each run of it. */
  readonly #open = new WeakMap<object, Command[]>();
  /** How many there are. */
  #held = 0;

  constructor(router: TransactionRouter) {
    this.#router = router;
  }

  /** True where the command belongs to a transaction and was taken care of. */
  take(command: Command, pipeline: object): boolean {
    // Most pipelines have no transaction, and ask with each of their commands.
    const held = this.#held === 0 ? undefined : this.#open.get(pipeline);
    if (held === undefined) {
      if (command.name.length !== MULTI.length || command.name.toLowerCase() !== MULTI) return false;
      this.#begin(command, pipeline);
      return true;
    }
    held.push(command);
    const name = command.name.toLowerCase();
    if (name === 'exec' || name === 'discard') {
      this.#close(pipeline);
      this.route(held);
    }
    return true;
  }

  #begin(command: Command, pipeline: object): void {
    const held = [command];
    this.#open.set(pipeline, held);
    this.#held++;
    process.nextTick(() => {
      if (this.#open.get(pipeline) !== held) return;
      this.#close(pipeline);
      for (const each of held) each.reject(unroutable(this.#router.service, 'multi', 'its pipeline has no EXEC'));
    });
  }

  #close(pipeline: object): void {
    this.#open.delete(pipeline);
    this.#held--;
  }

  /** From MULTI to EXEC or DISCARD: to the shard of their keys. */
  route(held: readonly Command[]): void {
    const router = this.#router;
    const keys: RedisKey[] = [];
    for (const command of held.slice(1, -1)) {
      if (router.refusal(command) !== undefined) {
        for (const each of held) each.reject(router.refusal(command)!);
        return;
      }
      const why = router.objection(command);
      if (why !== undefined) {
        // An error object for each: ioredis writes the others into that of EXEC.
        for (const each of held) refuse(each, unroutable(router.service, command.name, why));
        return;
      }
      keys.push(...router.keysOf(command));
    }
    const owners = keys.map((key) => router.ownerOf(key));
    const shard = owners[0] ?? router.any();
    if (owners.some((owner) => owner !== shard)) {
      const names = owners.map(({ name }) => name);
      for (const each of held) refuse(each, new CrossShardError(router.service, 'multi', keys, names));
      return;
    }
    shard.sendTogether(held);
  }
}
