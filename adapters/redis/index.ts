export { RULES, type Rule } from './commands.js';
export { CrossShardError, type KeyResult, PartialResultError, type RedisKey } from './errors.js';
export type { HandoverStats } from './handover.js';
export type { FailurePolicy, HandoverOptions, Quarantine, ShardedRedisOptions } from './options.js';
export type { PlacementName } from './placement.js';
export type { RingDescription } from './ring-description.js';
export { type RedisSessionStoreOptions, redisSessionStore, type ScriptRunner } from './session-store.js';
export type { ShardState } from './shard.js';
export { ShardedRedis } from './sharded-redis.js';
