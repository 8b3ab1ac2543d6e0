import type { Clock } from '../../runtime/clock.js';
import { fields, integer, number, type Reader, type Schema } from '../../runtime/options.js';
import type { Random } from '../../runtime/random.js';
import { contextSchema, type OwnContext } from '../context.js';
import type { ShrinkGuardOptions } from '../shrink-guard.js';
import {
  CONNECTION_RULES,
  connectionSchema,
  type EtcdConnectionOptions,
  type EtcdConnectionSettings,
  readConnection,
} from './connection.js';
import { type EtcdLayoutOptions, type LayoutSettings, layoutOf, layoutSchema } from './layouts/index.js';

// Apart from the resolver, which loads grpc-js: a configuration is checked without it.

export interface EtcdResolverOptions extends EtcdConnectionOptions, EtcdLayoutOptions {
  /**
   * How often a watch without news is asked whether it is alive, which also renews the list's age;
   * milliseconds. Default 5,000; 100 to 600,000.
   */
  readonly progressMs?: number;
  /** The longest wait after a failure; milliseconds. Default 750; 10 to 600,000. */
  readonly maxBackoffMs?: number;
  /**
   * A list that lost more than this share at once is to be confirmed; an empty one is always.
   * Default 0.5; 0 to 1.
   */
  readonly maxShrinkRatio?: number;
  /** After how long another list may confirm it; milliseconds. Default 500; 0 to 600,000. */
  readonly confirmMs?: number;
  /**
   * The same within this time after trouble with etcd; milliseconds. Default 10,000; 0 to 600,000.
   */
  readonly graceMs?: number;
  /** A service with more keys is refused. Default 100,000; 1 to 10,000,000. */
  readonly maxKeys?: number;
  /** Default: that of the mesh that watches. */
  readonly clock?: Clock;
  /** Default: that of the mesh that watches. */
  readonly random?: Random;
}

/** The options as read. */
export interface EtcdResolverSettings extends EtcdConnectionSettings, LayoutSettings, ShrinkGuardOptions, OwnContext {
  readonly progressMs: number;
  readonly maxBackoffMs: number;
  readonly maxKeys: number;
}

const schema: Schema<EtcdResolverSettings> = {
  ...connectionSchema,
  ...layoutSchema,
  progressMs: number(5_000, 100, 600_000),
  maxBackoffMs: number(750, 10, 600_000),
  maxShrinkRatio: number(0.5, 0, 1),
  confirmMs: number(500, 0, 600_000),
  graceMs: number(10_000, 0, 600_000),
  maxKeys: integer(100_000, 1, 10_000_000),
  ...contextSchema,
};

export const etcdResolverOptions: Reader<EtcdResolverSettings> = fields(
  schema,
  (read, name) => {
    readConnection(name, read);
    layoutOf(name, read);
    return read;
  },
  ...CONNECTION_RULES,
  '`scheme` goes with the layout `kratos` alone',
);
