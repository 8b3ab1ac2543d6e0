import { MAX_TIMER_MS, optionReaders as read } from '../../../src/adapter.js';

/** Times of ioredis, which takes any value for them, and whether 0 is one: no limit, or at once. */
const MAY_BE_ZERO: Readonly<Record<string, boolean>> = {
  blockingTimeout: true,
  blockingTimeoutGrace: true,
  commandTimeout: false,
  connectTimeout: true,
  disconnectTimeout: true,
  keepAlive: true,
  socketTimeout: true,
};

/**
 * The value for the driver: `null` is none, as in ioredis, and a database that is written in digits
 * is a number. A database that is none would be database 0 to ioredis.
 */
export function readNumberOption(key: string, value: unknown): unknown {
  if (key === 'db') return readDatabase(value);
  const mayBeZero = MAY_BE_ZERO[key];
  if (mayBeZero === undefined) return value;
  if (value === null) return undefined;
  if (typeof value === 'number' && (value > 0 || (mayBeZero && value === 0)) && value <= MAX_TIMER_MS) return value;
  throw read.invalidOption(
    `ShardedRedis.${key}`,
    value,
    `a number of milliseconds ${mayBeZero ? 'of 0 or more' : 'above 0'}, up to ${MAX_TIMER_MS}`,
  );
}

function readDatabase(value: unknown): unknown {
  if (value === null) return undefined;
  const database = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
  if (Number.isInteger(database) && (database as number) >= 0) return database;
  throw read.invalidOption('ShardedRedis.db', value, 'the number of a database, of 0 or more');
}
