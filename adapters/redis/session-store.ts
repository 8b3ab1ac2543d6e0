import { createHash } from 'node:crypto';
import { optionReaders as read } from '../../src/adapter.js';
import type { SharedAffinityStore } from '../../src/index.js';

/** What is needed of a client: any of ioredis has it, also `ShardedRedis` and `Cluster`. */
export interface ScriptRunner {
  evalsha(sha: string, numberOfKeys: number, ...args: (string | number)[]): Promise<unknown>;
  eval(script: string, numberOfKeys: number, ...args: (string | number)[]): Promise<unknown>;
}

export interface RedisSessionStoreOptions {
  /**
   * Before each session key, such as `carts:`: services that share a Redis must not share their
   * sessions. Not empty.
   */
  readonly prefix: string;
}

/** Gives the endpoint of a session, and renews its TTL. */
const LOAD = script(`
local bound = redis.call('GET', KEYS[1])
if bound then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return bound`);

/**
 * Binds a session that has no endpoint, or the one that is to be replaced; else leaves it. Gives
 * the one it has now.
 */
const BIND = script(`
local bound = redis.call('GET', KEYS[1])
if bound and bound ~= ARGV[3] then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return bound
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]`);

const UNBIND = script(`return redis.call('DEL', KEYS[1])`);

/**
 * Sticky sessions in Redis, shared by all processes that use the same prefix:
 *
 * ```ts
 * mesh.service('carts', { affinity: { store: redisSessionStore(redis, { prefix: 'carts:' }) } });
 * ```
 *
 * One string per session, under the prefix and the `sessionHash` of its key, with the TTL of the
 * affinity: 100 to 200 bytes at the server. Each question is one script on one key, so that
 * deciding who was first is atomic, on a shard as well. The connection stays the user's: it is not
 * closed with the service. Where Redis fails, each process goes on with the sessions it knows, and
 * the service has an `error` event.
 */
export function redisSessionStore(redis: ScriptRunner, options: RedisSessionStoreOptions): SharedAffinityStore {
  if (typeof redis?.evalsha !== 'function' || typeof redis.eval !== 'function') {
    throw read.invalidOption('redisSessionStore', redis, 'a client of ioredis');
  }
  const { prefix } = read.readOptions<RedisSessionStoreOptions>('redisSessionStore', options, {
    prefix: (value, name) => {
      if (typeof value === 'string' && value !== '') return value;
      throw read.invalidOption(name, value, "a text to put before each key, such as 'carts:'");
    },
  });
  return {
    async load(key, ttlMs) {
      return replyOf(await run(redis, LOAD, prefix + key, [wholeMs(ttlMs)]));
    },
    async bind(key, endpointId, ttlMs, replaces) {
      const args = [endpointId, wholeMs(ttlMs), ...(replaces === undefined ? [] : [replaces])];
      return replyOf(await run(redis, BIND, prefix + key, args)) ?? endpointId;
    },
    async unbind(key) {
      await run(redis, UNBIND, prefix + key, []);
    },
  };
}

interface Script {
  readonly source: string;
  readonly sha: string;
}

function script(source: string): Script {
  return { source, sha: createHash('sha1').update(source).digest('hex') };
}

/** By its digest; in full where the server does not have it, as after a restart. */
async function run(redis: ScriptRunner, { source, sha }: Script, key: string, args: (string | number)[]) {
  try {
    return await redis.evalsha(sha, 1, key, ...args);
  } catch (error) {
    if (!String((error as Error | undefined)?.message).startsWith('NOSCRIPT')) throw error;
    return await redis.eval(source, 1, key, ...args);
  }
}

/** PEXPIRE takes whole milliseconds, and 0 would delete. */
function wholeMs(ttlMs: number): number {
  return Math.max(1, Math.ceil(ttlMs));
}

/** The core rejects anything else: it is not an id. */
function replyOf(reply: unknown): string | undefined {
  return reply === null ? undefined : (reply as string);
}
