import type { Clock } from '../../../src/index.js';
import { CrossShardError, type RedisKey, unroutable } from '../common/errors.js';
import type { ShardedSettings } from '../common/options.js';
import { ReservedNames } from '../common/reserved.js';
import { type Command, isBuiltin, keysOf, ownCommand, refuse } from '../driver/driver.js';
import type { Target } from '../shards/shard.js';
import type { ShardSet } from '../shards/shard-set.js';
import { sendToAll } from './fan-out.js';
import { KeySpecs } from './key-specs.js';
import { sendKill } from './kill.js';
import { hideReserved } from './listing.js';
import { containerKey, hasOneKeyFirst, isBlocking, isSubscription, RULES, type Rule, ruleOf } from './rules.js';
import { sendScan } from './scan.js';
import { widthOf } from './split.js';
import { sendSplit } from './split-command.js';
import type { TransactionRouter } from './transactions.js';
import { WaitingCommands } from './waiting.js';

/** What the router leaves to the client. */
export interface RouterHost {
  readonly own: ShardedSettings;
  readonly clock: Clock;
  currentSet(): ShardSet;
  /** Routes it, as soon as there is a shard. */
  take(command: Command): void;
  /** SUBSCRIBE and its like. */
  subscribe(command: Command, name: string): void;
  /** SELECT, AUTH, CLIENT SETNAME: for the connections to come. */
  remember(command: Command, name: string): void;
}

/** Decides for each command which shards get it, by its keys or by the table in `commands.ts`. */
export class Router implements TransactionRouter {
  readonly service: string;
  readonly #host: RouterHost;
  /** What a server has found in a command, for callers that ask again on its way. */
  readonly #found = new WeakMap<Command, readonly RedisKey[]>();
  readonly #specs: KeySpecs;
  readonly #reserved: ReservedNames;
  readonly #waiting: WaitingCommands;
  /** Whether keys have a namespace at the servers where there is one shard. */
  readonly #renames: boolean;

  constructor(host: RouterHost) {
    this.#host = host;
    this.#specs = new KeySpecs((args) => {
      const command = ownCommand('command', args);
      this.any().send(command);
      return command.promise;
    });
    this.service = host.own.service;
    this.#reserved = new ReservedNames(host.own);
    this.#waiting = new WaitingCommands({
      clock: host.clock,
      ownerOf: (key) => this.ownerOf(key),
      route: (command) => host.take(command),
    });
    this.#renames = host.own.onFailure === 'next' && host.own.quarantine === 'generation';
  }

  /** Settles the command one way or the other. There must be a shard. */
  route(command: Command): void {
    if (hasOneKeyFirst(command.name) && command.args.length > 0) {
      const key = command.args[0] as RedisKey;
      if (this.#reserved.has(key)) command.reject(this.#reserved.error(command.name));
      else this.#host.currentSet().ownerOf(key).send(command);
      return;
    }
    const name = command.name.toLowerCase();
    hideReserved(command, name, this.#reserved);
    if (isSubscription(name)) {
      this.#host.subscribe(command, name);
      return;
    }
    const set = this.#host.currentSet();
    // Nothing to decide, and so nothing to refuse: as ioredis itself.
    const { only } = set;
    if (only !== undefined) this.#routeToOnly(command, name, only);
    else this.#routeByKeys(command, name, set);
  }

  #routeToOnly(command: Command, name: string, shard: Target): void {
    const keys = this.#plainKeysOf(command);
    const reserved = this.#reserved.refusal(name, keys);
    if (reserved !== undefined) {
      command.reject(reserved);
      return;
    }
    // Its keys are called otherwise there. Within MULTI the server would only queue the question.
    if (keys.length === 0 && this.#renames && !shard.shard.inTransaction && this.#isUnknown(name, command)) {
      this.#routeUnknown(command, name);
      return;
    }
    const rule = ruleOf(name, command.args);
    if (rule?.to === 'kill' && !shard.shard.inTransaction) {
      sendKill(command, this.#host.currentSet(), this.service);
      return;
    }
    if (rule?.to === 'remembered') this.#host.remember(command, name);
    if (name === 'multi') shard.shard.beginTransaction();
    else if (ENDS_TRANSACTION.has(name)) shard.shard.endTransaction();
    // Within MULTI it does not block, and is queued with the others.
    if (isBlocking(name, command.args) && !shard.shard.inTransaction) this.#waiting.send(command, keys, shard);
    else shard.send(command);
  }

  #routeByKeys(command: Command, name: string, set: ShardSet): void {
    const rule = RULES.get(name);
    if (rule?.to === 'split' && command.args.length > 0) {
      // Its keys are its arguments: what asking ioredis for them costs is saved.
      if (this.#namesReserved(command, widthOf(rule.merge))) command.reject(this.#reserved.error(name));
      else sendSplit(command, rule.merge, set, this.service);
      return;
    }
    let keys: readonly RedisKey[];
    try {
      keys = this.keysOf(command);
    } catch (error) {
      command.reject(error as Error);
      return;
    }
    if (keys.length === 0 && this.#isUnknown(name, command)) this.#routeUnknown(command, name);
    else if (keys.length === 0 || refusedEvenWithKeys(name)) this.#routeByRule(command, name, set);
    else this.#routeToOwner(command, name, keys, set);
  }

  #namesReserved({ args }: Command, width: number): boolean {
    for (let i = 0; i < args.length; i += width) if (this.#reserved.has(args[i])) return true;
    return false;
  }

  /** Keys may have other owners now: what waits for them goes there. */
  ownersChanged(): void {
    if (this.#host.currentSet().shards.length > 0) this.#waiting.check();
  }

  /** What can be told without a server, and without a mistake in an option. */
  #plainKeysOf(command: Command): readonly RedisKey[] {
    try {
      return this.keysOf(command);
    } catch {
      return [];
    }
  }

  refusal(command: Command): Error | undefined {
    return this.#reserved.refusal(command.name, this.#plainKeysOf(command));
  }

  #routeToOwner(command: Command, name: string, keys: readonly RedisKey[], set: ShardSet): void {
    const reserved = this.#reserved.refusal(name, keys);
    if (reserved !== undefined) {
      command.reject(reserved);
      return;
    }
    const shard = set.ownerOf(keys[0]!);
    for (let i = 1; i < keys.length; i++) {
      if (set.ownerOf(keys[i]!) !== shard) {
        const shards = keys.map((key) => set.ownerOf(key).name);
        refuse(command, new CrossShardError(this.service, name, keys, shards));
        return;
      }
    }
    if (isBlocking(name, command.args)) this.#waiting.send(command, keys, shard);
    else shard.send(command);
  }

  /**
   * The server reports where the keys are. What is sent meanwhile may overtake it, once for each
   * such command.
   */
  #routeUnknown(command: Command, name: string): void {
    this.#specs.find(name, command.args as RedisKey[]).then(
      (keys) => {
        const set = this.#host.currentSet();
        if (set.shards.length === 0) command.reject(unroutable(this.service, name, 'all shards are gone'));
        // The server reports best what is wrong with a command that it does not know.
        else if (keys === undefined) set.any.send(command);
        else if (keys.length > 0) {
          this.#found.set(command, keys);
          this.#routeToOwner(command, name, keys, set);
        } else command.reject(unroutable(this.service, name, `the server finds no key in it; ${NAME_KEYS}`));
      },
      (error: Error) => {
        const why = `its keys are unknown, and the server could not be asked for them (${error?.message})`;
        command.reject(unroutable(this.service, name, `${why}; ${NAME_KEYS}`));
      },
    );
  }

  /** Neither ioredis nor the table knows it: a command of a module, or of a newer server. */
  #isUnknown(name: string, command: Command): boolean {
    return command.args.length > 0 && ruleOf(name, command.args) === undefined && !isBuiltin(name);
  }

  #routeByRule(command: Command, name: string, set: ShardSet): void {
    const rule = ruleOf(name, command.args);
    switch (rule?.to) {
      case 'one':
      case 'split':
        set.any.send(command);
        return;
      case 'remembered':
        this.#host.remember(command, name);
        sendToAll(command, 'first', set, this.service);
        return;
      case 'all':
        sendToAll(command, 'first', set, this.service);
        return;
      case 'kill':
        sendKill(command, set, this.service);
        return;
      case 'merged':
        if (rule.merge === 'scan') sendScan(command, set);
        else sendToAll(command, rule.merge, set, this.service);
        return;
      case 'channel':
        set.ownerOf(command.args[0] as RedisKey).send(command);
        return;
      case 'refused':
        refuse(command, unroutable(this.service, showName(name, command, rule), rule.why));
        return;
      default:
        // Sent without its key it is malformed, and the server reports best how.
        if (command.args.length === 0) set.any.send(command);
        else command.reject(unroutable(this.service, name, 'no key says where it belongs; see the option keysOf'));
    }
  }

  keysOf(command: Command): readonly RedisKey[] {
    const keys = keysOf(command);
    if (keys.length > 0 || command.args.length === 0) return keys;
    const name = command.name.toLowerCase();
    const contained = containerKey(name, command.args);
    if (contained !== undefined) return [contained];
    const own = this.#keysByOption(name, command);
    if (own !== undefined) return own;
    const found = this.#found.get(command);
    if (found !== undefined) return found;
    return this.#isUnknown(name, command) ? (this.#specs.known(name, command.args as RedisKey[]) ?? []) : keys;
  }

  /** Where the keys are that `keysOf` returns, of a command in which ioredis finds none. */
  placesOf(command: Command): readonly number[] | undefined {
    const name = command.name.toLowerCase();
    if (containerKey(name, command.args) !== undefined) return [1];
    if (this.#keysByOption(name, command) !== undefined || !this.#isUnknown(name, command)) return undefined;
    return this.#specs.places(name, command.args as RedisKey[]);
  }

  #keysByOption(name: string, command: Command): readonly RedisKey[] | undefined {
    const { keysOf: ask } = this.#host.own;
    if (ask === undefined) return undefined;
    let keys: unknown;
    try {
      keys = ask(name, command.args as RedisKey[]);
    } catch (error) {
      throw unroutable(this.service, name, `the option keysOf threw (${(error as Error | undefined)?.message})`);
    }
    const sound = Array.isArray(keys) && keys.every((key) => typeof key === 'string' || Buffer.isBuffer(key));
    if (keys === undefined || sound) return keys as readonly RedisKey[] | undefined;
    throw unroutable(this.service, name, 'the option keysOf gave something else than strings, Buffers or undefined');
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
    try {
      if (this.keysOf(command).length > 0) return undefined;
    } catch (error) {
      return (error as Error).message;
    }
    if (this.#isUnknown(name, command)) return `its keys are not known; ${NAME_KEYS}, or send it once outside of MULTI`;
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

const ENDS_TRANSACTION: ReadonlySet<string> = new Set(['exec', 'discard', 'reset']);

const NAME_KEYS = 'name its keys by the option keysOf, or use shard(name)';
