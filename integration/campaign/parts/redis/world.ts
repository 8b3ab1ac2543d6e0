import { setTimeout as sleep } from 'node:timers/promises';
import { Redis as Plain } from 'ioredis';
import { freePort, Relay, type Redis as Server, startRedis } from '../../../harness/index.js';
import type { ClientHistory } from '../../history.js';
import { beginNetFault } from '../../net-faults.js';
import type { Fault, PartWorld, Schedule } from '../../part.js';
import { beginProcessFault } from '../../process-faults.js';
import { type Registry, startRegistry } from '../../registry.js';

/** Listed from the beginning; the last server joins and leaves. */
export const LISTED = 3;
export const SERVERS = 4;
export const SERVICE = 'campaign';

export const shardOf = (target: number): string => `s${target}`;

/** Fewer than move by themselves as keys are written. */
const SOME_KEYS = 4;
const MOVES_WITHIN_MS = 2_500;

/** Servers with persistence (a store) or without (a cache), each behind a relay, listed by Consul. */
export class RedisWorld implements PartWorld {
  readonly #servers: readonly Server[];
  readonly #relays: readonly Relay[];
  readonly #registry: Registry;
  /** The way to the registry of the client that hears late. */
  readonly #lateRelay: Relay;
  readonly #store: boolean;
  readonly clients: unknown;

  private constructor(
    servers: readonly Server[],
    relays: readonly Relay[],
    registry: Registry,
    lateRelay: Relay,
    store: boolean,
  ) {
    this.#servers = servers;
    this.#relays = relays;
    this.#registry = registry;
    this.#lateRelay = lateRelay;
    this.#store = store;
    this.clients = { consul: registry.address, lateConsul: lateRelay.address };
  }

  static async start({ options }: Schedule): Promise<RedisWorld> {
    const store = options.mode !== 'cache';
    const args = [
      '--enable-debug-command',
      'yes',
      ...(store ? [] : ['--maxmemory', '20mb', '--maxmemory-policy', 'allkeys-lru']),
    ];
    const servers = await Promise.all(Array.from({ length: SERVERS }, () => startRedis({ persist: store, args })));
    const relays = await Promise.all(servers.map((server) => Relay.before(server)));
    const registry = await startRegistry('consul');
    const lateRelay = await Relay.before({ port: Number(registry.address.split(':')[1]) });
    const world = new RedisWorld(servers, relays, registry, lateRelay, store);
    for (let i = 0; i < LISTED; i++) await world.#register(i);
    return world;
  }

  async begin(fault: Fault): Promise<() => Promise<void>> {
    const { kind, target } = fault;
    const server = this.#servers[target]!;
    const end =
      (await this.#registry.begin(fault, shardOf)) ??
      (await beginNetFault(fault, this.#relays[target]!)) ??
      (await beginProcessFault(fault, server));
    if (end) return end;
    if (kind === 'join') {
      await this.#register(LISTED);
      return () => this.#registry.deregister(shardOf(LISTED));
    }
    if (kind === 'join-for-good') {
      await this.#register(LISTED);
      return async () => {};
    }
    if (kind === 'swallow-amid') {
      await this.#untilKeysMove();
      this.#relays[target]!.swallow();
      return () => this.#relays[target]!.pass();
    }
    if (kind === 'late') {
      this.#lateRelay.hold();
      return () => this.#lateRelay.pass();
    }
    const [begin, over] = await commandsOf(kind);
    await this.#tell(target, begin);
    return () => this.#tellSurely(target, over);
  }

  async heal(): Promise<void> {
    for (const [i, server] of this.#servers.entries()) {
      if (!server.running) await server.restart();
      await server.resume();
      await this.#relays[i]!.pass();
      await this.#tellSurely(i, [
        // Where another fault kept it from being told that the password is none again.
        ['auth', 'changed'],
        ['config', 'set', 'maxmemory', this.#store ? '0' : '20mb'],
        ['config', 'set', 'requirepass', ''],
        ['replicaof', 'no', 'one'],
      ]);
    }
    await this.#lateRelay.pass();
    await this.#registry.heal();
  }

  /** Each key must be at one server, once all is handed over. */
  async finish(history: ClientHistory): Promise<void> {
    for (const [i, server] of this.#servers.entries()) {
      const plain = new Plain(server.port, server.host, { lazyConnect: true, protocol: 2, enableReadyCheck: false });
      plain.on('error', () => {});
      try {
        await plain.connect();
        const keys = await plain.keys('*');
        const own = keys.filter((key) => !key.startsWith('fl:'));
        history.invoke(0, 'server-keys', shardOf(i)).ok(own);
        const aside = keys.filter((key) => key.startsWith('fl:aside:'));
        if (aside.length > 0) history.invoke(0, 'server-aside', shardOf(i)).ok(aside);
      } finally {
        plain.disconnect();
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lateRelay[Symbol.asyncDispose]();
    await this.#registry[Symbol.asyncDispose]();
    await Promise.all(this.#relays.map((relay) => relay[Symbol.asyncDispose]()));
    await Promise.all(this.#servers.map((server) => server[Symbol.asyncDispose]()));
  }

  /** Until the last server has some keys more, or fewer, than now; after a while in any case. */
  async #untilKeysMove(): Promise<void> {
    const { host, port } = this.#servers[LISTED]!;
    const plain = new Plain(port, host, { retryStrategy: () => null, protocol: 2, enableReadyCheck: false });
    plain.on('error', () => {});
    try {
      const first = await plain.dbsize();
      const until = performance.now() + MOVES_WITHIN_MS;
      while (performance.now() < until && Math.abs((await plain.dbsize()) - first) < SOME_KEYS) await sleep(2);
    } catch {
      // It is down: that is a fault already.
    } finally {
      plain.disconnect();
    }
  }

  #register(i: number): Promise<void> {
    return this.#registry.register({ id: shardOf(i), service: SERVICE, port: this.#relays[i]!.port });
  }

  /** Until it was taken: what ends a fault must not be lost because another is there. */
  async #tellSurely(target: number, commands: Commands): Promise<void> {
    if (commands.length === 0) return;
    for (let tries = 0; tries < 100 && !(await this.#tell(target, commands)); tries++) await sleep(100);
  }

  /**
   * Past the relay. Whether the server took it: one that is dead or frozen is told nothing, as it
   * would do it long afterwards.
   */
  async #tell(target: number, commands: Commands): Promise<boolean> {
    const { host, port } = this.#servers[target]!;
    const once = { lazyConnect: true, retryStrategy: () => null, commandTimeout: 1_500, connectTimeout: 1_000 };
    const plain = new Plain(port, host, { ...once, maxRetriesPerRequest: 0, protocol: 2, enableReadyCheck: false });
    plain.on('error', () => {});
    try {
      await plain.connect();
      const lives = await plain.ping().catch((error: Error) => error.name === 'ReplyError');
      if (lives === false) return false;
      // Each by itself: AUTH is refused where there is no password.
      for (const [name, ...args] of commands) await plain.call(name!, ...args).catch(() => {});
      return true;
    } catch {
      return false;
    } finally {
      plain.disconnect();
    }
  }
}

type Commands = readonly (readonly string[])[];

/** What begins a fault at a server, and what ends it. */
async function commandsOf(kind: string): Promise<readonly [begin: Commands, over: Commands]> {
  switch (kind) {
    case 'slow':
      return [
        [
          ['debug', 'sleep', '0.4'],
          ['debug', 'sleep', '0.3'],
        ],
        [],
      ];
    case 'full':
      return [[['config', 'set', 'maxmemory', '1']], [['config', 'set', 'maxmemory', '0']]];
    case 'demote':
      return [[['replicaof', '127.0.0.1', String(await freePort())]], [['replicaof', 'no', 'one']]];
    case 'disconnect':
      return [[['client', 'kill', 'type', 'normal', 'skipme', 'yes']], []];
    case 'disconnect-subscribers':
      return [[['client', 'kill', 'type', 'pubsub']], []];
    case 'writes-paused':
      return [[['client', 'pause', '600', 'write']], []];
    case 'scripts-forgotten':
      return [[['script', 'flush']], []];
    case 'locked-out':
      return [
        [
          ['config', 'set', 'requirepass', 'changed'],
          ['client', 'kill', 'type', 'normal', 'skipme', 'yes'],
        ],
        [
          ['auth', 'changed'],
          ['config', 'set', 'requirepass', ''],
        ],
      ];
    default:
      throw new Error(`there is no fault '${kind}'`);
  }
}
