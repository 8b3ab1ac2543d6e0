import { checkMesh } from '../../src/adapter.js';
import { FairleadError, type Mesh, type Service } from '../../src/index.js';
import { monitorAll } from './commands/monitor.js';
import { frequentCommands } from './commands/rules.js';
import { noShards } from './common/errors.js';
import { readShardedOptions, type ShardedRedisOptions, type ShardedSettings } from './common/options.js';
import { Dispatch } from './dispatch.js';
import { ClientStatus, called, refuseConnected, throwClosed, untilReady } from './driver/client-status.js';
import {
  type Callback,
  type Command,
  type DriverOptions,
  defineCommands,
  isQuit,
  leavePipeline,
  Redis,
  setStatus,
  type WriteableStream,
} from './driver/driver.js';
import { Remembered } from './driver/remembered.js';
import { Retries } from './driver/retries.js';
import { concealOptions, describeAs } from './driver/secrets.js';
import type { ShardedEvents } from './events.js';
import { explainKey, type KeyExplanation, keyExplainer, readKey } from './explain.js';
import { onFailure } from './failover/choose.js';
import type { FailoverHost } from './failover/host.js';
import { Handover, type HandoverStats } from './handover/handover.js';
import type { OnFailure } from './shards/on-failure.js';
import { describe, type RingDescription } from './shards/ring-description.js';
import type { Shard } from './shards/shard.js';
import { shardFigures } from './shards/shard-figures.js';
import { ShardNews } from './shards/shard-news.js';
import type { ShardSet } from './shards/shard-set.js';
import { type ShardStats, statsOf } from './shards/shard-stats.js';
import { Topology } from './shards/topology.js';

/** Those of ioredis, and `shard`. */
export interface ShardedRedis {
  on: ShardedEvents<this>;
  once: ShardedEvents<this>;
}

/**
 * An ioredis client whose keys are spread over the servers of a service. To the caller it is a
 * `Redis` of ioredis: all commands, callbacks, Buffer variants, pipelines, transactions, scripts,
 * streams and subscriptions.
 *
 * ```ts
 * const redis = new ShardedRedis(mesh, { service: 'cache' });
 * await redis.set('user:7', 'Ada');
 * ```
 *
 * docs/redis.md says what differs over several shards: commands whose keys belong to several shards
 * are split or refused with FAIRLEAD_CROSS_SHARD, commands without a key follow the table there.
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the interface has overloads only
export class ShardedRedis extends Redis {
  readonly #mesh: Mesh;
  readonly #service: Service;
  readonly #given: ShardedRedisOptions;
  readonly #own: ShardedSettings;
  readonly #topology: Topology;
  readonly #dispatch: Dispatch;
  readonly #policy: OnFailure;
  readonly #news = new ShardNews();
  readonly #handover: Handover | undefined;
  readonly #status: ClientStatus;
  readonly #remembered: Remembered;
  #listening: readonly (() => void)[] = [];
  #unregister: (() => void) | undefined;
  #started = false;
  #ended = false;
  #life = 0;

  /** Refuses bad options with FAIRLEAD_INVALID_OPTION. Connects at once, but with `lazyConnect`. */
  constructor(mesh: Mesh, options: ShardedRedisOptions) {
    checkMesh('ShardedRedis', mesh);
    const { own, driver } = readShardedOptions(options, mesh.random);
    super({ ...driver, lazyConnect: true } as DriverOptions);
    this.options.lazyConnect = driver.lazyConnect ?? false;
    concealOptions(this.options);
    this.#status = new ClientStatus(this);
    this.#remembered = new Remembered(this.options, {
      changed: () => {
        for (const shard of this.#set.shards) shard.blocking.renew();
      },
      selected: (db) => this.#heard('select', db),
    });
    this.#mesh = mesh;
    this.#given = options;
    this.#own = own;
    this.#service = mesh.service(own.service);
    const host = this.#createHost(mesh);
    this.#policy = onFailure(host);
    this.#handover =
      own.handover &&
      new Handover({
        ...host,
        routes: this.#policy,
        release: (shards) => this.#leave(shards),
        recall: (noted, named) => this.#topology.recall(noted, named),
        password: () => this.options.password ?? undefined,
      });
    this.#topology = new Topology(
      {
        service: this.#service,
        clock: mesh.clock,
        own,
        driver: this.options,
        watch: this.#policy,
        routes: this.#handover ?? this.#policy,
        leaving: () => this.#handover?.leaving ?? [],
        retries: this.#createRetries(),
        keepsUnsent: !this.#policy.standsIn,
        shardChanged: (shard) => this.#shardChanged(shard),
        shardError: (_, error) => this.#heard('error', error),
        failed: (error) => this.#heard('error', error),
      },
      own,
    );
    this.#dispatch = new Dispatch({
      own,
      service: this.#service,
      options: this.options,
      clock: mesh.clock,
      currentSet: () => this.#set,
      remember: (command, name) => this.#remembered.take(command, name),
      isReady: () => this.status === 'ready',
      emit: (event, ...args) => void this.emit(event, ...args),
      listens: (event) => this.listenerCount(event) > 0,
      error: (error) => this.#heard('error', error),
    });
    this.#register();
    if (!this.options.lazyConnect) this.#start();
  }

  /** Its connections are its owner's to end, by `quit` or `disconnect`, also after the mesh. */
  #register(): void {
    this.#unregister = this.#mesh.register({
      kind: 'redis',
      name: this.#own.service,
      figures: () => shardFigures(this.#set.shards),
      topology: () => ({ ...this.describeRing(), stats: this.#set.shards.map(statsOf) }),
      explains: keyExplainer((key) => this.explain(key)),
    });
  }

  get #set(): ShardSet {
    return this.#topology.set;
  }

  /**
   * The name of the shard that owns the key. The option `keyPrefix` is applied, as to the key of a
   * command.
   */
  shardFor(key: string | Buffer): string {
    const whole = readKey('shardFor', key, this.options);
    return this.#anySet().shardOf(whole).name;
  }

  /**
   * Where the commands of a key go now, and why: `shardFor` in full. Sends nothing.
   * FAIRLEAD_NO_ENDPOINT where no shard is known.
   */
  explain(key: string | Buffer): KeyExplanation {
    return explainKey(readKey('explain', key, this.options), this.#own, this.#anySet());
  }

  /**
   * The plain ioredis connection to one shard, for what means that one server. FAIRLEAD_NO_ENDPOINT
   * for an unknown name.
   */
  shard(name: string): Redis {
    const shard = this.#set.shards.find((each) => each.name === name);
    if (shard !== undefined) return shard.connection;
    throw new FairleadError('FAIRLEAD_NO_ENDPOINT', `Service '${this.#own.service}' has no shard '${name}'.`, {
      service: this.#own.service,
    });
  }

  /** The connections to all shards, sorted by the shards' names. */
  nodes(): Redis[] {
    return this.#set.shards.map(({ connection }) => connection);
  }

  /** What becomes of keys whose owner changes; undefined without the option `handover`. */
  get handover(): HandoverStats | undefined {
    return this.#handover?.stats;
  }

  /** What each shard does and has done, sorted by name. Some objects for each: for displays. */
  shardStats(): ShardStats[] {
    return this.#set.shards.map(statsOf);
  }

  describeRing(): RingDescription {
    return describe(this.#own, this.#set);
  }

  /** @internal Every command of every kind comes by here. */
  override sendCommand(command: Command, stream?: WriteableStream): unknown {
    // The parent's constructor sends nothing; a subclass of it may.
    leavePipeline(command);
    if (this.#ended) {
      command.reject(new FairleadError('FAIRLEAD_CLOSED', 'Connection is closed.', { service: this.#own.service }));
      return command.promise;
    }
    if (!this.#started) this.#start();
    if (isQuit(command.name)) this.#quit(command);
    else this.#dispatch.take(command, stream);
    return command.promise;
  }

  /**
   * The parent is made without connecting, and emits `wait` then; this client does so only where
   * its options ask for it. Subscriptions that wait are answered behind the listeners of `ready`.
   */
  override emit(event: string | symbol, ...args: unknown[]): boolean {
    if (event === 'wait' && !this.options.lazyConnect) return false;
    if (event === 'ready') queueMicrotask(() => this.#dispatch.subscriptions.ready());
    return super.emit(event, ...args);
  }

  /**
   * Resolves when the shards are connected. Rejects as ioredis does: when it is connecting or
   * connected already, and when none of them can be reached, although it goes on trying then. Where
   * discovery names no server within `connectTimeout` it rejects with FAIRLEAD_NO_ENDPOINT.
   */
  override connect(callback?: Callback<void>): Promise<void> {
    const promise = this.#connect();
    called(promise, callback);
    return promise;
  }

  async #connect(): Promise<void> {
    refuseConnected(this);
    if (this.#ended) this.#begin();
    if (!this.#started) this.#start();
    else await Promise.any(this.#set.shards.map((shard) => shard.reconnect())).catch(throwClosed);
    await untilReady(this, this.#mesh.clock, this.options.connectTimeout || undefined, () =>
      this.#set.shards.length > 0 ? undefined : noShards(this.#own.service, this.#service.discovery.error),
    );
  }

  override disconnect(reconnect = false): void {
    if (reconnect) for (const { connection } of this.#set.shards) connection.disconnect(true);
    else {
      for (const shard of this.#set.shards) shard.disconnect();
      this.#end();
    }
  }

  /** Another client with the same options, except for those given, over the same mesh. */
  // biome-ignore lint/suspicious/noExplicitAny: the parent's return type has a type parameter
  override duplicate(override?: any): any {
    return new ShardedRedis(this.#mesh, { ...this.#given, ...(override as Partial<ShardedRedisOptions>) });
  }

  /** By RESP3 a connection with subscriptions is as good as any, which ioredis calls `normal`. */
  override get mode(): 'normal' | 'subscriber' | 'monitor' {
    return this.#dispatch?.subscriptions.active && this.options.protocol !== 3 ? 'subscriber' : 'normal';
  }

  /**
   * Shows what all shards do; the event `monitor` has the shard's name as its last argument, after
   * those of ioredis.
   */
  override monitor(callback?: Callback<Redis>): Promise<Redis> {
    if (!this.#started) this.#start();
    const promise = untilReady(this, this.#mesh.clock).then(() => monitorAll(this.#set.shards));
    called(promise, callback);
    return promise;
  }

  /** Once more after the end: with new connections, as ioredis makes another one. */
  #begin(): void {
    this.#ended = false;
    this.#started = false;
    this.#life++;
    this.#register();
    this.#topology.update([]);
    this.#dispatch.subscriptions.open();
  }

  #start(): void {
    this.#started = true;
    setStatus(this, 'connecting');
    const take = (): void => this.#topology.prepare(this.#service.endpoints, () => this.#update());
    this.#listening = [
      this.#service.on('endpoints', take),
      this.#service.on('error', () => this.#dispatch.discoveryFailed()),
    ];
    take();
  }

  #update(): void {
    if (this.#ended) return;
    const before = this.#set;
    const left = this.#topology.update(this.#service.endpoints);
    // Health alone changed, which the shards have heeded.
    if (this.#set === before) return;
    if (this.#handover !== undefined) this.#handover.begin(before);
    else this.#leave(left);
    this.#policy.topologyChanged();
    this.#dispatch.follow(this.#set);
    this.#dispatch.router.ownersChanged();
    this.#status.show(this.#set.shards);
  }

  #leave(shards: readonly Shard[]): void {
    // Before it closes: what waits there is recalled.
    this.#dispatch.router.ownersChanged();
    for (const shard of shards) {
      this.#policy.left(shard);
      void shard.quit(true);
    }
  }

  /** What a policy and a hand-over leave to the client. */
  #createHost({ clock, random }: Mesh): FailoverHost {
    return {
      own: this.#own,
      clock,
      random,
      commandTimeoutMs: this.options.commandTimeout,
      current: () => this.#set,
      keysOf: (command) => this.#dispatch.router.keysOf(command),
      placesOf: (command) => this.#dispatch.router.placesOf(command),
      again: (commands) => this.#dispatch.again(commands),
      error: (error) => this.#heard('error', error),
    };
  }

  #createRetries(): Retries {
    return new Retries(this.options.retryStrategy, {
      owners: () => this.#set.shards,
      ended: () => this.disconnect(),
      error: (error) => this.#heard('error', error),
    });
  }

  #shardChanged(shard: Shard): void {
    if (this.#ended) return;
    this.#policy.changed(shard);
    this.#handover?.changed(shard);
    this.#news.changed(shard);
    this.emit('shard', { name: shard.name, address: shard.address, state: shard.state });
    const { subscriptions } = this.#dispatch;
    if (subscriptions.active) subscriptions.follow(this.#set);
    this.#dispatch.router.ownersChanged();
    this.#status.show(this.#set.shards);
  }

  /** Has ended when all is answered; then, and after the event `end`, comes its own answer. */
  #quit(command: Command): void {
    const life = this.#life;
    const done = Promise.all(this.#set.shards.map((shard) => shard.quit()));
    this.#stop();
    void done.then(() => {
      if (this.#life === life) this.#end();
      process.nextTick(() => command.resolve(Buffer.from('OK')));
    });
  }

  #stop(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#unregister?.();
    for (const stop of this.#listening) stop();
    this.#topology.close();
    this.#handover?.close();
    this.#policy.close();
    this.#dispatch.close();
  }

  #end(): void {
    this.#stop();
    if (this.status === 'end') return;
    setStatus(this, 'close');
    setStatus(this, 'end');
  }

  static {
    defineCommands(ShardedRedis.prototype, frequentCommands());
    describeAs(ShardedRedis.prototype, (self) => ({
      service: self.#own.service,
      status: self.status,
      shards: self.#set.shards.map(({ name, address, state }) => ({ name, address, state })),
    }));
  }

  #heard(event: string, arg: unknown): void {
    if (this.listenerCount(event) > 0) this.emit(event, arg);
  }

  #anySet(): ShardSet {
    if (this.#set.shards.length > 0) return this.#set;
    throw noShards(this.#own.service, this.#service.discovery.error);
  }
}
