import { optionReaders as read } from '../../../src/adapter.js';

/** The longest time that a timer of Node takes; milliseconds. */
const LONGEST_MS = 2_147_483_647;

/** Numbers of ioredis, which takes any value for them: no time at all, or no time limit. */
const NUMBERS: Readonly<Record<string, { readonly min: number; readonly above?: true }>> = {
  blockingTimeout: { min: 0 },
  blockingTimeoutGrace: { min: 0 },
  commandTimeout: { min: 0, above: true },
  connectTimeout: { min: 0 },
  disconnectTimeout: { min: 0 },
  keepAlive: { min: 0 },
  socketTimeout: { min: 0 },
};

/**
 * The value for the driver: `null` is none, as in ioredis, and a database that is written in digits
 * is a number. A database that is none would be database 0 to ioredis.
 */
export function readNumberOption(key: string, value: unknown): unknown {
  if (key === 'db') return readDatabase(value);
  const range = NUMBERS[key];
  if (range === undefined) return value;
  if (value === null) return undefined;
  const { min, above = false } = range;
  if (typeof value === 'number' && value >= min && !(above && value === min) && value <= LONGEST_MS) return value;
  throw read.invalidOption(
    `ShardedRedis.${key}`,
    value,
    `a number of milliseconds ${above ? 'above 0' : 'of 0 or more'}, up to ${LONGEST_MS}`,
  );
}

function readDatabase(value: unknown): unknown {
  if (value === null) return undefined;
  const database = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
  if (Number.isInteger(database) && (database as number) >= 0) return database;
  throw read.invalidOption('ShardedRedis.db', value, 'the number of a database, of 0 or more');
}
