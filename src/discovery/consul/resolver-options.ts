import type { Clock } from '../../runtime/clock.js';
import { fields, integer, number, type Reader } from '../../runtime/options.js';
import type { Random } from '../../runtime/random.js';
import { contextSchema } from '../context.js';
import { type ConsulConnectionOptions, connectionSchema } from './connection.js';
import { type ConsulQueryOptions, querySchema } from './health-query.js';
import type { WatchOptions } from './health-watch.js';

// Apart from the resolver, which loads the package `consul`: a configuration is checked without it.

export interface ConsulResolverOptions extends ConsulConnectionOptions, ConsulQueryOptions {
  /**
   * How long a blocking query waits for a change; milliseconds. Default 30,000; 1,000 to 600,000.
   */
  readonly waitMs?: number;
  /**
   * How long an answer may take beyond that; then how long its body may take between two pieces,
   * and all of it with a second more for each 64 KiB that came. Default 10,000; 100 to 600,000.
   */
  readonly requestTimeoutMs?: number;
  /** Requests a second and query, once the burst is used up. Default 4; 0.1 to 1,000. */
  readonly requestsPerSecond?: number;
  /** Requests that may follow each other at once after a quiet time. Default 4; 1 to 1,000. */
  readonly burst?: number;
  /**
   * The longest wait after a failure, unless the agent asks for more; milliseconds. Default 750; 10
   * to 600,000.
   */
  readonly maxBackoffMs?: number;
  /**
   * A `stale` answer older than this is not adopted; milliseconds. Default 10,000; 0 to
   * 31,536,000,000.
   */
  readonly maxStaleMs?: number;
  /**
   * A list that lost more than this share at once is to be confirmed; an empty one is always.
   * Default 0.5; 0 to 1.
   */
  readonly maxShrinkRatio?: number;
  /**
   * After how long a second read, by the leader, may confirm it; milliseconds. Default 500; 0 to
   * 600,000.
   */
  readonly confirmMs?: number;
  /**
   * The same within this time after trouble with the agent; milliseconds. Default 10,000; 0 to
   * 600,000.
   */
  readonly graceMs?: number;
  /**
   * Blocking queries open at once; further services are polled. Default 128; 1 to 10,000. Agents
   * allow an address 200.
   */
  readonly maxBlockingQueries?: number;
  /**
   * A longer answer is refused; bytes, uncompressed. Default 134,217,728 (128 MiB); 1,024 to
   * 2,147,483,647.
   */
  readonly maxBodyBytes?: number;
  /** Default: that of the mesh that watches. */
  readonly clock?: Clock;
  /** Default: that of the mesh that watches. */
  readonly random?: Random;
}

/** The options as read; what comes from the environment is not in them. */
export type ConsulResolverSettings = {
  readonly [Key in keyof Required<ConsulResolverOptions>]: ConsulResolverOptions[Key] | undefined;
} & WatchOptions & { readonly maxBlockingQueries: number };

const schema: { readonly [Key in keyof ConsulResolverOptions]-?: Reader<unknown> } = {
  ...connectionSchema,
  ...querySchema,
  waitMs: number(30_000, 1_000, 600_000),
  requestTimeoutMs: number(10_000, 100, 600_000),
  requestsPerSecond: number(4, 0.1, 1_000),
  burst: integer(4, 1, 1_000),
  maxBackoffMs: number(750, 10, 600_000),
  maxStaleMs: number(10_000, 0, 31_536_000_000),
  maxShrinkRatio: number(0.5, 0, 1),
  confirmMs: number(500, 0, 600_000),
  graceMs: number(10_000, 0, 600_000),
  maxBlockingQueries: integer(128, 1, 10_000),
  maxBodyBytes: integer(134_217_728, 1_024, 2_147_483_647),
  ...contextSchema,
};

export const consulResolverOptions: Reader<ConsulResolverSettings> = fields(schema as never);
