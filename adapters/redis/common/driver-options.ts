import type { RedisOptions } from 'ioredis';
import { optionReaders as read } from '../../../src/adapter.js';

const FROM_THE_MESH = 'unset: servers come from the service of the mesh';
const OF_SENTINELS = 'unset: it belongs to sentinels';

/**
 * Any value goes to every connection; a text: no value does, as it would be accepted and then do
 * nothing here, or harm.
 */
type Word = 'any' | string;

/** Every option of ioredis 6, which has all of version 5: the compiler sees to it. */
const OPTIONS: Readonly<Record<keyof RedisOptions, Word>> = {
  autoPipeliningIgnoredCommands: 'any',
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
  monitor: 'any',
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
const FIXED: ReadonlyMap<string, readonly unknown[]> = new Map<string, readonly unknown[]>([
  // Writes of one tick go out together as it is; a pipeline over all shards would let one hold up
  // the others.
  ['enableAutoPipelining', [false]],
  // What was under way when a connection broke may have been executed: it fails, and is never sent
  // twice.
  ['autoResendUnfulfilledCommands', [false]],
  ['maxRetriesPerRequest', [null, 0]],
]);

/** The names that may be given, for those who gave another. */
const KNOWN: readonly string[] = Object.entries(OPTIONS).flatMap(([name, word]) => (word === 'any' ? [name] : []));

/**
 * An option that is none of ours. Throws FAIRLEAD_INVALID_OPTION where ioredis has none of that
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
  const allowed = FIXED.get(key);
  if (allowed !== undefined && !allowed.includes(value)) throw read.invalidOption(name, value, allowed.join(' or '));
}
