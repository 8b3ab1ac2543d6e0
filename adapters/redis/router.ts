import { containerKey, hasOneKeyFirst, isBlocking, isSubscription, RULES, type Rule, ruleOf } from './commands.js';
import { type Command, keysOf } from './driver.js';
import { CrossShardError, type RedisKey, unroutable } from './errors.js';
import { sendToAll } from './fan-out.js';
import type { ReadShardedOptions } from './options.js';
import { sendScan } from './scan.js';
import type { ShardSet } from './shard-set.js';
import { sendSplit } from './split.js';
import type { Target } from './target.js';
import type { TransactionRouter } from './transactions.js';

/** What the router leaves to the client. */
export interface RouterHost {
  readonly own: ReadShardedOptions;
  currentSet(): ShardSet;
  /** SUBSCRIBE and its like. */
  subscribe(command: Command, name: string): void;
  /** SELECT, AUTH, CLIENT SETNAME: for the connections to come. */
  remember(name: string, args: readonly (string | Buffer)[]): void;
}

/** Decides for each command which shards get it, by its keys or by the table in `commands.ts`. */
export class Router implements TransactionRouter {
  readonly service: string;
  readonly #host: RouterHost;

  constructor(host: RouterHost) {
    this.#host = host;
    this.service = host.own.service;
  }

  /** Settles the command one way or the other. There must be a shard. */
  route(command: Command): void {
    if (hasOneKeyFirst(command.name) && command.args.length > 0) {
      this.#host
        .currentSet()
        .ownerOf(command.args[0] as RedisKey)
        .send(command);
      return;
    }
    const name = command.name.toLowerCase();
    if (isSubscription(name)) {
      this.#host.subscribe(command, name);
      return;
    }
    const set = this.#host.currentSet();
    // Nothing to decide, and so nothing to refuse: as ioredis itself.
    if (set.shards.length === 1) this.#routeToOnly(command, name, set.shards[0]!.target);
    else this.#routeByKeys(command, name, set);
  }

  #routeToOnly(command: Command, name: string, shard: Target): void {
    if (ruleOf(name, command.args)?.to === 'remembered') this.#remember(command, name);
    if (isBlocking(name, command.args)) shard.blocking.send(command);
    else shard.send(command);
  }

  #routeByKeys(command: Command, name: string, set: ShardSet): void {
    const keys = this.keysOf(command);
    if (keys.length === 0 || refusedEvenWithKeys(name)) {
      this.#routeByRule(command, name, set);
      return;
    }
    const shard = set.ownerOf(keys[0]!);
    for (let i = 1; i < keys.length; i++) {
      if (set.ownerOf(keys[i]!) !== shard) {
        this.#routeToSeveral(command, name, keys, set);
        return;
      }
    }
    if (isBlocking(name, command.args)) shard.blocking.send(command);
    else shard.send(command);
  }

  #routeToSeveral(command: Command, name: string, keys: readonly RedisKey[], set: ShardSet): void {
    const rule = ruleOf(name, []);
    if (rule?.to === 'split') sendSplit(command, rule.merge, set, this.service);
    else {
      const shards = keys.map((key) => set.ownerOf(key).name);
      command.reject(new CrossShardError(this.service, name, keys, shards));
    }
  }

  #routeByRule(command: Command, name: string, set: ShardSet): void {
    const rule = ruleOf(name, command.args);
    switch (rule?.to) {
      case 'one':
      case 'split':
        set.any.send(command);
        return;
      case 'remembered':
        this.#remember(command, name);
        sendToAll(command, 'first', set, this.service);
        return;
      case 'all':
        sendToAll(command, 'first', set, this.service);
        return;
      case 'merged':
        if (rule.merge === 'scan') sendScan(command, set);
        else sendToAll(command, rule.merge, set, this.service);
        return;
      case 'channel':
        set.ownerOf(command.args[0] as RedisKey).send(command);
        return;
      case 'refused':
        command.reject(unroutable(this.service, showName(name, command, rule), rule.why));
        return;
      default:
        // Sent without its key it is malformed, and the server says best how.
        if (command.args.length === 0) set.any.send(command);
        else command.reject(unroutable(this.service, name, 'no key says where it belongs; see the option keysOf'));
    }
  }

  /** What the server has accepted, later connections get as well. */
  #remember(command: Command, name: string): void {
    const args = [...(command.args as (string | Buffer)[])];
    command.promise.then(
      () => this.#host.remember(name, args),
      () => {},
    );
  }

  keysOf(command: Command): readonly RedisKey[] {
    const keys = keysOf(command);
    if (keys.length > 0 || command.args.length === 0) return keys;
    const name = command.name.toLowerCase();
    const contained = containerKey(name, command.args);
    if (contained !== undefined) return [contained];
    const own = this.#host.own.keysOf?.(name, command.args as (string | Buffer)[]);
    if (own !== undefined) return own;
    // What neither ioredis nor our table knows is a module's, and the first argument is the key in nearly all of them.
    return ruleOf(name, command.args) === undefined && isUnknown(command) ? [command.args[0] as RedisKey] : keys;
  }

  ownerOf(key: RedisKey): Target {
    return this.#host.currentSet().ownerOf(key);
  }

  any(): Target {
    return this.#host.currentSet().any;
  }

  objection(command: Command): string | undefined {
    const set = this.#host.currentSet();
    if (set.shards.length === 1) return undefined;
    const name = command.name.toLowerCase();
    if (isSubscription(name)) return 'subscriptions do not belong in a transaction over shared connections';
    if (this.keysOf(command).length > 0) return undefined;
    const rule = ruleOf(name, command.args);
    if (rule?.to === 'one') return undefined;
    if (rule?.to === 'refused') return rule.why;
    return 'in a transaction it would reach one shard only';
  }
}

function showName(name: string, command: Command, rule: Rule): string {
  return rule === ruleOf(name, []) ? name : `${name} ${String(command.args[0])}`;
}

function refusedEvenWithKeys(name: string): boolean {
  const rule = RULES.get(name);
  return rule?.to === 'refused' && rule.evenWithKeys === true;
}

/** Modules name their commands with a dot. Those of Redis itself that are in neither list have no key. */
function isUnknown(command: Command): boolean {
  return command.name.includes('.') && !command.name.toLowerCase().startsWith('ft.');
}
