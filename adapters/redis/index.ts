export { RULES, type Rule } from './commands/rules.js';
export { CrossShardError, type KeyResult, PartialResultError, type RedisKey } from './common/errors.js';
export type {
  FailurePolicy,
  HandoverOptions,
  PlacementName,
  Quarantine,
  ShardedRedisOptions,
} from './common/options.js';
export type { ShardChange } from './events.js';
export type { KeyExplanation } from './explain.js';
export type { HandoverStats } from './handover/handover.js';
export { type RedisSessionStoreOptions, redisSessionStore, type ScriptRunner } from './session-store.js';
export { ShardedRedis } from './sharded-redis.js';
export type { RingDescription } from './shards/ring-description.js';
export type { ShardStats } from './shards/shard-stats.js';
export type { ShardState } from './shards/state.js';
