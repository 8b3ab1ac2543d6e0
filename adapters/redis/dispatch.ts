import { isUnlisted } from '../../src/adapter.js';
import type { Clock, Service } from '../../src/index.js';
import { Router } from './commands/router.js';
import { Subscriptions } from './commands/subscriptions.js';
import { Transactions } from './commands/transactions.js';
import { noShards, shardUnavailable, undiscovered, unlisted } from './common/errors.js';
import type { ShardedSettings } from './common/options.js';
import { type Command, type RedisOptions, refuse, refuseAll, type WriteableStream } from './driver/driver.js';
import { PendingCommands } from './shards/pending-commands.js';
import type { ShardSet } from './shards/shard-set.js';

/** What it leaves to the client. */
export interface DispatchHost {
  readonly own: ShardedSettings;
  readonly service: Service;
  readonly options: RedisOptions;
  readonly clock: Clock;
  currentSet(): ShardSet;
  /** SELECT, AUTH, CLIENT SETNAME: for the connections to come. */
  remember(command: Command, name: string): void;
  isReady(): boolean;
  emit(event: string, ...args: unknown[]): void;
  listens(event: string): boolean;
  error(error: Error): void;
}

/**
 * The way of each command into the shards: it waits for discovery, is held for the rest of its
 * transaction, or is routed.
 */
export class Dispatch {
  readonly router: Router;
  readonly subscriptions: Subscriptions;
  readonly #host: DispatchHost;
  readonly #transactions: Transactions;
  /** What came before discovery reported a server. */
  readonly #undiscovered: PendingCommands<WriteableStream | undefined>;

  constructor(host: DispatchHost) {
    const { own, options, clock } = host;
    this.#host = host;
    this.router = new Router({
      own,
      clock,
      take: (command) => this.take(command),
      subscribe: (command, name) => this.subscriptions.handle(command, name, host.currentSet()),
      remember: (command, name) => host.remember(command, name),
      currentSet: () => host.currentSet(),
    });
    this.subscriptions = new Subscriptions({
      clock,
      timeoutMs: options.commandTimeout,
      stringNumbers: options.stringNumbers === true,
      isReady: () => host.isReady(),
      emit: (event, ...args) => host.emit(event, ...args),
      listens: (event) => host.listens(event),
      error: (error) => host.error(error),
    });
    this.#transactions = new Transactions(this.router);
    this.#undiscovered = new PendingCommands(this.#limit, options.commandTimeout, clock, () =>
      undiscovered(own.service, options.commandTimeout),
    );
  }

  /** Settles the command one way or the other. */
  take(command: Command, stream?: WriteableStream): void {
    if (this.#host.currentSet().shards.length === 0) this.#hold(command, stream);
    else if (stream === undefined || !this.#transactions.take(command, stream)) this.router.route(command);
  }

  /** Decides anew where what was taken goes: a command, or a transaction as a whole. */
  again(commands: readonly Command[]): void {
    if (commands.length === 1) this.take(commands[0]!);
    else if (this.#host.currentSet().shards.length > 0) this.#transactions.route(commands);
    else refuseAll(commands, () => noShards(this.#host.own.service, this.#host.service.discovery.error));
  }

  /** There are other shards, or some at last. */
  follow(set: ShardSet): void {
    this.subscriptions.follow(set);
    if (set.shards.length === 0) return;
    for (const { commands, via } of this.#undiscovered.takeAll()) this.take(commands[0]!, via);
  }

  /** Perhaps it knows that there is no such service: then nothing waits for it. */
  discoveryFailed(): void {
    if (!isUnlisted(this.#host.service.discovery)) return;
    for (const { commands, via } of this.#undiscovered.takeAll()) this.#hold(commands[0]!, via);
  }

  close(): void {
    this.subscriptions.close();
    this.#undiscovered.close(this.#host.own.service);
  }

  get #limit(): number {
    const { options, own } = this.#host;
    return options.enableOfflineQueue ? own.maxOfflineCommands : 0;
  }

  #hold(command: Command, stream: WriteableStream | undefined): void {
    const { discovery, name } = this.#host.service;
    if (isUnlisted(discovery)) refuse(command, unlisted(name, discovery.error));
    else if (!this.#undiscovered.full) this.#undiscovered.add([command], stream);
    else {
      const why = `is not known yet, and ${this.#limit} commands wait for discovery already`;
      refuse(command, shardUnavailable(this.#host.own.service, 'of the key', why));
    }
  }
}
