export { RULES, type Rule } from './commands.js';
export { CrossShardError, type KeyResult, PartialResultError, type RedisKey } from './errors.js';
export type { HandoverStats } from './handover.js';
export type { FailurePolicy, HandoverOptions, ShardedRedisOptions } from './options.js';
export type { PlacementName } from './placement.js';
export type { Quarantine } from './quarantine.js';
export { type RedisSessionStoreOptions, redisSessionStore, type ScriptRunner } from './session-store.js';
export type { ShardState } from './shard.js';
export { type RingDescription, ShardedRedis } from './sharded-redis.js';
