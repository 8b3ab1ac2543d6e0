import type { RedisOptions } from 'ioredis';
import { MAX_TIMER_MS, optionReaders as read } from '../../../src/adapter.js';
import type { EndpointSpec, KetamaCompatibility, Random } from '../../../src/index.js';
import { fullJitterMs } from '../../../src/resilience/index.js';
import { checkDriverOption, type FixedOptions, type PassedOptions, type RefusedOption } from './driver-options.js';
import { readNumberOption } from './number-options.js';
import { DEFAULT_PREFIX, PREFIX_PATTERN } from './reserved.js';

/** Names that may be there, and are ignored. */
type NoneOf<Name extends string> = { readonly [K in Name]?: null | undefined };

/**
 * What fairlead adds to the options of ioredis; those may be given beside these and go to every
 * connection. Servers come from the mesh, so `host`, `port`, `path`, `sentinels` and what belongs
 * to them are refused.
 */
export interface ShardedRedisOptions extends PassedOptions, FixedOptions, NoneOf<RefusedOption> {
  /** The service whose endpoints are the shards. */
  readonly service: string;
  /** Default `ketama`, the placement of other clients and proxies. */
  readonly placement?: PlacementName | undefined;
  /**
   * Whose rounding of points per server `ketama` follows. Default `none`: that of none, which loses
   * none.
   */
  readonly compatibility?: KetamaCompatibility | undefined;
  /**
   * The name that decides which keys a server owns; it must outlive a change of address. Default:
   * `meta.shard` of the endpoint, else its id. Of two endpoints with one name, the first by id is
   * the shard. Replicas (`meta.role` or a tag `replica`) are not shards. Where it throws, or does
   * not answer with a text, the shards stay as they are; the event `error` says why.
   */
  readonly shardName?: ((endpoint: EndpointSpec) => string) | undefined;
  /**
   * What happens to keys whose shard is down; the keys of the others stay where they are.
   *
   * - `fail` (default, for a store): their commands fail at once with FAIRLEAD_SHARD_UNAVAILABLE.
   * - `next` (for a cache): they go to the next shards on the ring, which know nothing of them at
   *   first.
   * - `replica`: what only reads goes to a replica of the shard (an endpoint with the same shard
   *   name and `meta.role` or a tag `replica`); the rest fails with FAIRLEAD_READ_ONLY.
   */
  readonly onFailure?: FailurePolicy | undefined;
  /**
   * What a shard that was down goes through before it is used again, so that no value is read that
   * is older than a later write; with `onFailure: 'next'` only. Default `generation`: its keys get
   * a new namespace. `flush`: FLUSHDB; for servers that hold nothing but this cache, so not with a
   * `keyPrefix`. `{ waitMs }`: it stays out for this time, which must be longer than any value
   * lives; 1 to 2,147,483,647. `none`: it is used at once, and old values are read.
   */
  readonly quarantine?: Quarantine | undefined;
  /**
   * What becomes of keys that have another owner after a change of the topology. Default: nothing,
   * they are misses. With a window they are brought to their new owner before the first command
   * that names them. Not with `onFailure: 'next'`.
   */
  readonly handover?: HandoverOptions | undefined;
  /**
   * Between two looks at a shard; milliseconds. One that answers is left alone for one such
   * interval before it is asked again. Default 200; 10 to 60,000.
   */
  readonly probeIntervalMs?: number | undefined;
  /**
   * A shard that has not answered for this long is down; milliseconds. Default 600; 10 to 60,000.
   */
  readonly downAfterMs?: number | undefined;
  /**
   * Commands that may wait for each shard's connection, and as many for discovery. Default 1,000; 0
   * to 1,000,000.
   */
  readonly maxOfflineCommands?: number | undefined;
  /** Connections per shard for blocking commands. Default 100; 1 to 10,000. */
  readonly maxBlockingConnections?: number | undefined;
  /**
   * The keys of a command that ioredis does not know, such as one of a module. Undefined leaves it
   * to the default: the server is asked where the keys are, once for each command whose keys have
   * fixed places, else each time. What it throws fails that command with FAIRLEAD_UNROUTABLE.
   */
  readonly keysOf?:
    | ((command: string, args: readonly (string | Buffer)[]) => readonly (string | Buffer)[] | undefined)
    | undefined;
  /**
   * Before the names of keys that the client keeps at the servers for itself and its like. Commands
   * that name a key with this prefix fail with FAIRLEAD_RESERVED_KEY. The same for all clients of a
   * service. Default `fl:`; 1 to 64 letters, digits, or any of `_.:-`.
   */
  readonly reservedPrefix?: string | undefined;
}

export interface HandoverOptions {
  /**
   * How long keys are looked for at their owner before; milliseconds, 1 to 2,147,483,647. Begins
   * after `settleMs`.
   */
  readonly windowMs: number;
  /**
   * How long after a change the keys that have another owner are left alone, and commands that name
   * them wait: until every other client has heard of the change, and what these had under way has
   * been executed. Milliseconds. Default 1,000; 0 to 60,000. 0 is for a client that is the only one
   * to write.
   */
  readonly settleMs?: number | undefined;
  /** Keys on their way at a time. Default 64; 1 to 10,000. */
  readonly maxMoves?: number | undefined;
  /**
   * A larger value stays where it is, and is served from there until the window is over; bytes.
   * Default 8 MiB; 1 to 512 MiB.
   */
  readonly maxValueBytes?: number | undefined;
  /**
   * What is brought before a script (EVAL, EVALSHA, FCALL), and SORT with patterns, whose keys have
   * a `{tag}`. Default `tag`: all keys with that tag, as a script may make up names of keys.
   * `keys`: those that it declares; for scripts that name no others. Costs one look over all names
   * of the owner before for the tags that are wanted meanwhile.
   */
  readonly scripts?: 'tag' | 'keys' | undefined;
  /**
   * Also brings keys that no command names; one client at a time does so for each shard. Default
   * true.
   */
  readonly background?: boolean | undefined;
}

/** `HandoverOptions`, read and completed. */
export type HandoverSettings = { readonly [K in keyof HandoverOptions]-?: NonNullable<HandoverOptions[K]> };

export type FailurePolicy = 'fail' | 'next' | 'replica';

/**
 * What a shard goes through that missed writes, before it is used again.
 *
 * - `generation`: its keys get a new namespace; the old ones are found no more, and go as they
 *   expire or are evicted.
 * - `flush`: its database is emptied (FLUSHDB).
 * - `{ waitMs }`: it stays out for longer than any value lives.
 * - `none`: it is used as it is, with whatever it holds.
 */
export type Quarantine = 'generation' | 'flush' | 'none' | { readonly waitMs: number };

export interface ShardedSettings {
  readonly service: string;
  readonly placement: PlacementName;
  readonly compatibility: KetamaCompatibility;
  readonly shardName: ((endpoint: EndpointSpec) => string) | undefined;
  readonly onFailure: FailurePolicy;
  readonly quarantine: Quarantine;
  readonly handover: HandoverSettings | undefined;
  readonly probeIntervalMs: number;
  readonly downAfterMs: number;
  readonly maxOfflineCommands: number;
  readonly maxBlockingConnections: number;
  readonly keysOf: ShardedRedisOptions['keysOf'] | undefined;
  readonly reservedPrefix: string;
}

const MINUTE_MS = 60_000;

/** Longer ones are rare, and hold up a server while they are copied. */
const MAX_VALUE_BYTES = 8 * 2 ** 20;

const handoverSchema: read.Schema<HandoverSettings> = {
  windowMs: (value, name) => {
    if (value === undefined) throw read.invalidOption(name, value, `a whole number from 1 to ${MAX_TIMER_MS}`);
    return read.integer(1, 1, MAX_TIMER_MS)(value, name);
  },
  settleMs: read.integer(1_000, 0, MINUTE_MS),
  maxMoves: read.integer(64, 1, 10_000),
  maxValueBytes: read.integer(MAX_VALUE_BYTES, 1, 512 * 2 ** 20),
  scripts: read.oneOf('tag', 'tag', 'keys'),
  background: read.boolean(true),
};

const schema: read.Schema<ShardedSettings> = {
  service: (value, name) => {
    if (typeof value === 'string' && value !== '') return value;
    throw read.invalidOption(name, value, "the name of a service, such as 'cache'");
  },
  placement: read.oneOf('ketama', 'ketama', 'rendezvous', 'maglev'),
  compatibility: read.oneOf('none', 'none', 'hashring', 'libketama', 'twemproxy', 'libmemcached'),
  shardName: read.callback(),
  onFailure: read.oneOf('fail', 'fail', 'next', 'replica'),
  quarantine: (value, name) => {
    if (typeof value !== 'object' || value === null) {
      return read.oneOf('generation', 'generation', 'flush', 'none')(value, name);
    }
    return read.readOptions<{ waitMs: number }>(name, value, { waitMs: read.integer(0, 1, MAX_TIMER_MS) });
  },
  handover: read.optional((value, name) => read.readOptions<HandoverSettings>(name, value, handoverSchema)),
  probeIntervalMs: read.number(200, 10, MINUTE_MS),
  downAfterMs: read.number(600, 10, MINUTE_MS),
  maxOfflineCommands: read.integer(1_000, 0, 1_000_000),
  maxBlockingConnections: read.integer(100, 1, 10_000),
  keysOf: read.callback(),
  reservedPrefix: (value = DEFAULT_PREFIX, name) => {
    if (typeof value === 'string' && PREFIX_PATTERN.test(value)) return value;
    throw read.invalidOption(name, value, '1 to 64 letters, digits, or any of _.:-');
  },
};

/**
 * A command that takes longer fails: generous for a command, short for a caller that would else
 * wait without end.
 */
const COMMAND_TIMEOUT_MS = 5_000;

/** Splits the options into Fairlead's and those of ioredis. */
export function readShardedOptions(
  options: unknown,
  random: Random,
): {
  readonly own: ShardedSettings;
  readonly driver: RedisOptions;
} {
  if (typeof options !== 'object' || options === null) {
    throw read.invalidOption('ShardedRedis', options, 'an object with at least { service }');
  }
  const own: Record<string, unknown> = {};
  const driver: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(options)) {
    if (value === undefined) continue;
    if (Object.hasOwn(schema, key)) own[key] = value;
    else {
      checkDriverOption(key, value, Object.keys(schema));
      driver[key] = readNumberOption(key, value);
    }
  }
  checkTogether(own, driver);
  return {
    own: read.readOptions('ShardedRedis', own, schema),
    driver: {
      commandTimeout: COMMAND_TIMEOUT_MS,
      connectTimeout: CONNECT_TIMEOUT_MS,
      retryStrategy: retryStrategyOf(random),
      maxRetriesPerRequest: null,
      autoResendUnfulfilledCommands: false,
      ...driver,
    },
  };
}

/** What each reader alone cannot see. */
function checkTogether(own: Readonly<Record<string, unknown>>, driver: Readonly<Record<string, unknown>>): void {
  const { quarantine, placement, compatibility } = own;
  if (placement !== undefined && placement !== 'ketama' && compatibility !== undefined && compatibility !== 'none') {
    throw read.invalidOption('ShardedRedis.compatibility', compatibility, "'none', unless placement is 'ketama'");
  }
  if (own.handover !== undefined && own.onFailure === 'next') {
    throw read.invalidOption('ShardedRedis.handover', own.handover, "unset with onFailure 'next': a cache fills again");
  }
  if (quarantine === undefined) return;
  if (own.onFailure !== 'next') {
    throw read.invalidOption('ShardedRedis.quarantine', quarantine, "unset, unless onFailure is 'next'");
  }
  const { keyPrefix } = driver;
  if (quarantine === 'flush' && keyPrefix !== undefined && keyPrefix !== '') {
    const allowed = "'generation' with a keyPrefix: the database may hold keys of others, and FLUSHDB removes all";
    throw read.invalidOption('ShardedRedis.quarantine', quarantine, allowed);
  }
  if (typeof quarantine === 'object' && quarantine !== null && !Object.hasOwn(quarantine, 'waitMs')) {
    throw read.invalidOption('ShardedRedis.quarantine.waitMs', undefined, 'longer than any value lives, in ms');
  }
}

/**
 * Handshakes within a data centre take milliseconds; a host that swallows packets must not hold one
 * up for long.
 */
const CONNECT_TIMEOUT_MS = 2_000;

/**
 * 25 to 50 ms, doubled each time up to 0.5 to 1 s: servers that restart are found again within a
 * second, and not by all clients at once.
 */
const retryStrategyOf =
  (random: Random) =>
  (times: number): number =>
    Math.min(25 * 2 ** Math.min(times - 1, 10), 500) + fullJitterMs(times, 25, 500, random);

export type PlacementName = 'ketama' | 'rendezvous' | 'maglev';
