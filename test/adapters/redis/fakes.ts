import type { Command } from '../../../adapters/redis/driver/driver.js';
import type { RouteSource } from '../../../adapters/redis/shards/on-failure.js';
import { placeShards } from '../../../adapters/redis/shards/placement.js';
import type { Shard } from '../../../adapters/redis/shards/shard.js';
import { ShardSet } from '../../../adapters/redis/shards/shard-set.js';
import { isOut, type ShardState } from '../../../adapters/redis/shards/state.js';

type Reply = string | number | null | Reply[] | Error;

/**
 * As much of a Redis server as is needed here: strings, hashes, in the order of what it gets,
 * answered a moment later.
 */
export class FakeServer {
  readonly strings: Map<string, string> = new Map();
  readonly hashes: Map<string, Map<string, string>> = new Map();
  /** What it was told, by name. */
  readonly log: string[] = [];
  /** The names of commands that it refuses. */
  readonly refuses: Set<string> = new Set();
  /** Executed, and answered when `release()` says so. */
  hangs = false;
  #owed: (() => void)[] = [];

  execute(command: Command): void {
    this.log.push(command.name);
    const reply = this.#reply(command.name.toLowerCase(), command.args.map(String));
    const answer = (): void => {
      if (reply instanceof Error) command.reject(reply);
      else command.resolve(encode(reply) as never);
    };
    if (this.hangs) this.#owed.push(answer);
    else queueMicrotask(answer);
  }

  release(): void {
    this.hangs = false;
    for (const answer of this.#owed.splice(0)) answer();
  }

  #reply(name: string, args: readonly string[]): Reply {
    if (this.refuses.has(name)) return Object.assign(new Error('OOM command not allowed'), { name: 'ReplyError' });
    const [key = '', ...rest] = args;
    const hash = this.hashes.get(key) ?? new Map<string, string>();
    switch (name) {
      case 'ping':
        return 'PONG';
      case 'get':
        return this.strings.get(key) ?? null;
      case 'set':
        this.strings.set(key, rest[0]!);
        return 'OK';
      case 'hmget':
        return rest.map((field) => hash.get(field) ?? null);
      case 'hset':
        this.hashes.set(key, hash);
        for (let i = 0; i < rest.length; i += 2) hash.set(rest[i]!, rest[i + 1]!);
        return 1;
      case 'hsetnx':
        this.hashes.set(key, hash);
        if (!hash.has(rest[0]!)) hash.set(rest[0]!, rest[1]!);
        return 1;
      case 'hdel':
        hash.delete(rest[0]!);
        return 1;
      case 'info':
        return 'aof_enabled:0';
      case 'flushdb':
        this.strings.clear();
        this.hashes.clear();
        return 'OK';
      // The lock of those that sweep.
      case 'eval':
        return 1;
      case 'scan':
        return ['0', [...this.strings.keys()]];
      case 'unlink':
        for (const each of args) this.strings.delete(each);
        return args.length;
      default:
        return Object.assign(new Error(`ERR unknown command ${name}`), { name: 'ReplyError' });
    }
  }
}

function encode(reply: Reply): unknown {
  if (Array.isArray(reply)) return reply.map(encode);
  return typeof reply === 'string' ? Buffer.from(reply) : reply;
}

/** A shard whose state the test decides. */
export class FakeShard {
  readonly shard = this as unknown as Shard;
  readonly blocking = { send: (command: Command): void => this.send(command) };
  readonly ordinal = 0;
  readonly address: string;
  state: ShardState = 'connecting';
  replicas: readonly Shard[] = [];
  readOnly = false;
  readonly weight = 1;
  readonly name: string;
  readonly server: FakeServer;
  changed: () => void = () => {};

  constructor(name: string, server: FakeServer, address = `${name}:6379`) {
    this.name = name;
    this.server = server;
    this.address = address;
  }

  refusal(): Error | undefined {
    return isOut(this.state) || this.state === 'quarantined' ? new Error(`${this.name} is ${this.state}`) : undefined;
  }

  send(command: Command): void {
    const refusal = this.refusal();
    if (refusal === undefined) this.server.execute(command);
    else command.reject(refusal);
  }

  sendTogether(commands: readonly Command[]): void {
    for (const command of commands) this.send(command);
  }

  issue(command: Command): void {
    this.server.execute(command);
  }

  onceDown(): () => void {
    return () => {};
  }

  admit(): void {
    this.to('up');
  }

  quarantine(): void {
    if (this.state !== 'quarantined') this.to('quarantined');
  }

  to(state: ShardState): void {
    this.state = state;
    this.changed();
  }
}

/** Each shard as it is. */
export const plainRoutes: RouteSource = {
  routesOf: (shard) => ({ serving: true, own: shard, standIn: shard, listing: shard }),
};

export function setOf(generation: number, shards: readonly FakeShard[], source: RouteSource = plainRoutes): ShardSet {
  const sorted = [...shards].sort((a, b) => (a.name < b.name ? -1 : 1));
  const placed = sorted.map(({ name }) => ({ name, weight: 1 }));
  const placement = placeShards(placed, { placement: 'ketama', compatibility: 'none' });
  return new ShardSet({
    generation,
    shards: sorted.map(({ shard }) => shard),
    placement,
    ring: sorted.map(({ name, address }) => `${name} ${address}`).join(),
    routes: source,
    leaving: () => [],
  });
}

/** Lets what is under way come to an end. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 40; i++) await Promise.resolve();
}
