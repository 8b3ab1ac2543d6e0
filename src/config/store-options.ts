import type { ValueSource } from '../discovery/value-source.js';
import {
  boolean,
  integer,
  invalidOption,
  isRecord,
  number,
  optional,
  type Reader,
  readOptions,
  text,
} from '../runtime/options.js';
import type { ResolverMaker } from './resolvers.js';

export interface ConfigStoreOptions {
  /** What to follow: `fileSource()`, `consulKv()`, `etcdKv()`, or your own. Default: nothing. */
  readonly source?: ValueSource;
  /** The key there, or the path. Default `fairlead/config`. */
  readonly key?: string;
  /**
   * A change of the source is applied within this time, at random, so that a fleet does not change
   * in one moment; milliseconds. Default 0; 0 to 3,600,000.
   */
  readonly spreadMs?: number;
  /** Versions kept, to look at and to go back to. Default 20; 1 to 1,000. */
  readonly history?: number;
  /**
   * A file that keeps the last good document, for a start when the source cannot be read. Default:
   * none.
   */
  readonly lastGood?: string;
  /**
   * Whether calls are counted and timed to report `compared`: a look at the clock at the begin and
   * end of a call. Default true.
   */
  readonly compare?: boolean;
  /** Resolvers of the program's own that documents can name. Default: none. */
  readonly resolvers?: Readonly<Record<string, ResolverMaker>>;
  /** What `${env:NAME}` refers to. Default `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export type StoreSettings = { readonly [Key in keyof Required<ConfigStoreOptions>]: ConfigStoreOptions[Key] } & {
  readonly key: string;
  readonly spreadMs: number;
  readonly history: number;
};

export function readStoreOptions(options: ConfigStoreOptions | undefined): StoreSettings {
  return readOptions<StoreSettings>('createConfigStore', options, {
    source: optional(valueSource),
    key: text('fairlead/config'),
    spreadMs: number(0, 0, 3_600_000),
    history: integer(20, 1, 1_000),
    lastGood: text(undefined),
    compare: boolean(true),
    resolvers: optional(record),
    env: optional(record),
  } as never);
}

const valueSource: Reader<ValueSource> = (value, name) => {
  if (typeof (value as ValueSource | null)?.watch === 'function') return value as ValueSource;
  throw invalidOption(name, value, 'a source of values, such as consulKv()');
};

const record: Reader<Record<string, unknown>> = (value, name) => {
  if (isRecord(value) || value === process.env) return value as Record<string, unknown>;
  throw invalidOption(name, value, 'an object');
};
