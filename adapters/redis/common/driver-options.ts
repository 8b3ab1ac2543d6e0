import type { RedisOptions } from 'ioredis';
import { optionReaders as read } from '../../../src/adapter.js';
import { checkTls, type TlsOption } from './tls-option.js';

/** Options of ioredis that no value is taken for, as it would do nothing here, or harm. */
export type RefusedOption =
  | 'autoPipeliningIgnoredCommands'
  | 'Connector'
  | 'enableTLSForSentinelMode'
  | 'failoverDetector'
  | 'himportFieldsets'
  | 'host'
  | 'monitor'
  | 'name'
  | 'natMap'
  | 'path'
  | 'port'
  | 'preferredSlaves'
  | 'readOnly'
  | 'role'
  | 'sentinelCommandTimeout'
  | 'sentinelMaxConnections'
  | 'sentinelPassword'
  | 'sentinelReconnectStrategy'
  | 'sentinelRetryStrategy'
  | 'sentinelTLS'
  | 'sentinelUsername'
  | 'sentinels'
  | 'updateSentinels';

/** Options of ioredis that may have one value, which is what happens here anyway. */
export interface FixedOptions {
  /** What is sent in one tick goes out in one write for each shard as it is. */
  readonly enableAutoPipelining?: false | undefined;
  /** What was under way when a connection broke may have been executed: it is never sent twice. */
  readonly autoResendUnfulfilledCommands?: false | undefined;
  /** What waits fails when its shard is down, which `onFailure` and `downAfterMs` decide. */
  readonly maxRetriesPerRequest?: null | 0 | undefined;
  /** Channels follow their owners, and so are subscribed again wherever these are. */
  readonly autoResubscribe?: true | undefined;
}

/** What ioredis takes and this client does as well. */
export interface PassedOptions extends Omit<RedisOptions, RefusedOption | keyof FixedOptions | 'tls'> {
  readonly tls?: TlsOption | undefined;
}

const FROM_THE_MESH = 'unset: servers come from the service of the mesh';
const OF_SENTINELS = 'unset: it belongs to sentinels';

/**
 * Every option of ioredis 6, which has all of version 5, and those that are refused: `any` value
 * goes to every connection, or none does. The compiler checks that both lists agree.
 */
const OPTIONS: Readonly<
  Record<Exclude<keyof RedisOptions, RefusedOption>, 'any'> & Record<RefusedOption, `unset${string}`>
> = {
  autoPipeliningIgnoredCommands: 'unset: nothing is pipelined by itself that could be left out',
  autoResendUnfulfilledCommands: 'any',
  autoResubscribe: 'any',
  blockingTimeout: 'any',
  blockingTimeoutGrace: 'any',
  clientInfoTag: 'any',
  commandQueue: 'any',
  commandTimeout: 'any',
  connectTimeout: 'any',
  connectionName: 'any',
  Connector: FROM_THE_MESH,
  db: 'any',
  disableClientInfo: 'any',
  disconnectTimeout: 'any',
  enableAutoPipelining: 'any',
  enableOfflineQueue: 'any',
  enableReadyCheck: 'any',
  enableTLSForSentinelMode: OF_SENTINELS,
  failoverDetector: OF_SENTINELS,
  family: 'any',
  himportFieldsets: 'unset: field sets belong to one connection',
  host: FROM_THE_MESH,
  keepAlive: 'any',
  keyPrefix: 'any',
  lazyConnect: 'any',
  maxLoadingRetryTime: 'any',
  maxRetriesPerRequest: 'any',
  monitor: 'unset: use redis.monitor()',
  name: OF_SENTINELS,
  natMap: OF_SENTINELS,
  noDelay: 'any',
  offlineQueue: 'any',
  password: 'any',
  path: FROM_THE_MESH,
  port: FROM_THE_MESH,
  preferredSlaves: OF_SENTINELS,
  protocol: 'any',
  readOnly: 'unset: it belongs to clusters',
  reconnectOnError: 'any',
  replyMapping: 'any',
  retryStrategy: 'any',
  role: OF_SENTINELS,
  scripts: 'any',
  sentinelCommandTimeout: OF_SENTINELS,
  sentinelMaxConnections: OF_SENTINELS,
  sentinelPassword: OF_SENTINELS,
  sentinelReconnectStrategy: OF_SENTINELS,
  sentinelRetryStrategy: OF_SENTINELS,
  sentinelTLS: OF_SENTINELS,
  sentinelUsername: OF_SENTINELS,
  sentinels: FROM_THE_MESH,
  showFriendlyErrorStack: 'any',
  socketTimeout: 'any',
  stringNumbers: 'any',
  tls: 'any',
  updateSentinels: OF_SENTINELS,
  username: 'any',
};

/**
 * Values of ioredis' options that other clients set and that mean what happens here anyway; others
 * are refused.
 */
const FIXED: Readonly<Record<keyof FixedOptions, readonly unknown[]>> = {
  enableAutoPipelining: [false],
  autoResendUnfulfilledCommands: [false],
  maxRetriesPerRequest: [null, 0],
  autoResubscribe: [true],
};

/** The names that may be passed, for the error about another one. */
const KNOWN: readonly string[] = Object.entries(OPTIONS).flatMap(([name, word]) => (word === 'any' ? [name] : []));

/**
 * An option that is not Fairlead's. Throws FAIRLEAD_INVALID_OPTION where ioredis has none of that
 * name, or it has no use here.
 */
export function checkDriverOption(key: string, value: unknown, ours: readonly string[]): void {
  const name = `ShardedRedis.${key}`;
  if (!Object.hasOwn(OPTIONS, key)) {
    throw read.unknownOption('ShardedRedis.', key, [...ours, ...KNOWN]);
  }
  const word = OPTIONS[key as keyof RedisOptions];
  const shown = key === 'sentinelPassword' ? 'set' : value;
  if (word !== 'any' && value !== null) throw read.invalidOption(name, shown, word);
  if (key === 'tls') checkTls(value, name);
  if (!Object.hasOwn(FIXED, key)) return;
  const allowed = FIXED[key as keyof FixedOptions];
  if (!allowed.includes(value)) throw read.invalidOption(name, value, allowed.map(String).join(' or '));
}
