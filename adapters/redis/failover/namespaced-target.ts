import { shardUnavailable, unroutable } from '../common/errors.js';
import { type Command, refuse, refuseAll } from '../driver/driver.js';
import type { Shard, Target } from '../shards/shard.js';
import type { Held } from './held.js';
import { enterNamespace, type KeyFinder } from './key-names.js';

/** What it needs from its host. */
export interface NamespaceHost extends KeyFinder {
  readonly service: string;
  /** The shard's database was emptied just now, with all that is kept there for its keys. */
  emptied(shard: Shard): void;
}

const EMPTYING: ReadonlySet<string> = new Set(['flushall', 'flushdb']);
const empties = ({ name }: Command): boolean => EMPTYING.has(name.toLowerCase());

/**
 * A shard whose keys are called otherwise at the server: by a namespace in front of them. Undefined
 * as long as the namespace is not known; commands wait for it.
 */
export class NamespacedTarget implements Target {
  readonly shard: Shard;
  readonly blocking = { send: (command: Command): void => this.#send(command, true) };
  readonly #host: NamespaceHost;
  readonly #held: Held;
  readonly #namespace: () => string | undefined;

  constructor(shard: Shard, host: NamespaceHost, held: Held, namespace: () => string | undefined) {
    this.shard = shard;
    this.#host = host;
    this.#held = held;
    this.#namespace = namespace;
  }

  get name(): string {
    return this.shard.name;
  }

  refusal(): Error | undefined {
    if (this.#namespace() !== undefined) return this.shard.refusal();
    if (!this.#held.full) return undefined;
    return shardUnavailable(this.#host.service, this.name, 'is not ready, and maxOfflineCommands wait for it already');
  }

  send(command: Command): void {
    this.#send(command, false);
  }

  sendTogether(commands: readonly Command[]): void {
    const namespace = this.#namespace();
    const refusal = this.refusal();
    if (refusal !== undefined) refuseAll(commands, () => this.refusal() ?? refusal);
    else if (namespace === undefined) this.#held.add(commands, { target: this, blocking: false });
    else {
      const wrong = commands.map((command) => this.#enter(command, namespace)).find((why) => why !== undefined);
      if (wrong !== undefined) refuseAll(commands, () => unroutable(this.#host.service, 'multi', wrong));
      else this.shard.sendTogether(commands);
      if (commands.some(empties)) this.#host.emptied(this.shard);
    }
  }

  /** Why it cannot; undefined where it did. */
  #enter(command: Command, namespace: string): string | undefined {
    try {
      return enterNamespace(command, namespace, this.#host);
    } catch (error) {
      return (error as Error).message;
    }
  }

  #send(command: Command, blocking: boolean): void {
    const namespace = this.#namespace();
    const refusal = this.refusal();
    if (refusal !== undefined) refuse(command, refusal);
    else if (namespace === undefined) this.#held.add([command], { target: this, blocking }, !blocking);
    else {
      const why = this.#enter(command, namespace);
      if (why !== undefined) refuse(command, unroutable(this.#host.service, command.name, why));
      else if (blocking) this.shard.blocking.send(command);
      else this.shard.send(command);
      if (empties(command)) this.#host.emptied(this.shard);
    }
  }
}
