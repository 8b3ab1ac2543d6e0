import { shardReadOnly, shardUnavailable } from '../common/errors.js';
import { type Command, refuse, refuseAll } from '../driver/driver.js';
import type { Shard, Target } from '../shards/shard.js';
import { isOut, type ShardState } from '../shards/state.js';
import { isRead } from './read-commands.js';

/**
 * A shard with replicas, by the policy `replica`: while it is down they answer what only reads, as
 * far as they have heard; what writes is refused.
 */
export class ReplicaTarget implements Target {
  readonly shard: Shard;
  readonly blocking = { send: (command: Command): void => this.#send(command, true) };
  readonly #service: string;

  constructor(shard: Shard, service: string) {
    this.shard = shard;
    this.#service = service;
  }

  get name(): string {
    return this.shard.name;
  }

  /** For commands that may write, such as a transaction. */
  refusal(): Error | undefined {
    return this.#standing ? this.shard.refusal() : shardReadOnly(this.#service, this.name);
  }

  send(command: Command): void {
    this.#send(command, false);
  }

  sendTogether(commands: readonly Command[]): void {
    const refusal = this.refusal();
    if (refusal !== undefined) refuseAll(commands, () => this.refusal() ?? refusal);
    else this.shard.sendTogether(commands);
  }

  /** The primary is there, or may be in a moment. */
  get #standing(): boolean {
    return !isOut(this.shard.state) && !this.shard.readOnly;
  }

  #inState(wanted: ShardState): Shard | undefined {
    const { shard } = this;
    if (shard.readOnly && shard.state === wanted) return shard;
    return shard.replicas.find(({ state }) => state === wanted);
  }

  #send(command: Command, blocking: boolean): void {
    if (this.#standing) to(this.shard, command, blocking);
    else if (!isRead(command.name.toLowerCase(), command.args)) {
      refuse(command, shardReadOnly(this.#service, this.name));
    } else {
      const replica = this.#inState('up') ?? this.#inState('connecting');
      if (replica !== undefined) to(replica, command, blocking);
      // It is a replica itself now.
      else if (this.shard.state === 'demoted') toDemoted(this.shard, command, blocking);
      else refuse(command, shardUnavailable(this.#service, this.name, 'is down, and none of its replicas answers'));
    }
  }
}

function to(shard: Shard, command: Command, blocking: boolean): void {
  if (blocking) shard.blocking.send(command);
  else shard.send(command);
}

/** It refuses what it is given as a primary. */
function toDemoted(shard: Shard, command: Command, blocking: boolean): void {
  if (blocking) shard.blocking.issue(command);
  else shard.issue(command);
}
