import { EventEmitter } from 'node:events';
import mysql from 'mysql2';
import type { Mesh } from '../../src/index.js';
import type { QueryCallback, QueryCommand } from './driver/driver.js';
import { ReplicatedPool } from './pool.js';
import { textOf } from './session/operations.js';
import type { VirtualConnection } from './virtual-connection.js';

type Options = Readonly<Record<string, unknown>>;
type ConnectionCallback = (error: unknown, connection?: VirtualConnection) => void;

/**
 * Settings that an ORM makes on each new connection, and that do not keep it: they are made on
 * every connection.
 */
const SETTING = /^\s*SET\s+(?:SESSION\s+)?time_zone\s*=\s*'[^'\\]*'\s*;?\s*$/i;

/**
 * What comes from the mesh, or from the options given beside it, whatever the ORM's options are.
 */
const NOT_TAKEN: ReadonlySet<string> = new Set(['host', 'port', 'socketPath', 'user', 'password', 'database', 'uri']);

/**
 * The module `mysql2`, as an ORM loads it, over the servers of a mesh: its pools, clusters and
 * single connections send reads to replicas. `options` are those of `createPool`; those of the ORM
 * fill the gaps.
 */
export class OrmDriver {
  readonly #mesh: Mesh;
  readonly #options: Options;
  /** For single connections: one pool for all, closed with the last of them. */
  #shared: { readonly pool: ReplicatedPool; connections: number } | undefined;

  constructor(mesh: Mesh, options: Options) {
    this.#mesh = mesh;
    this.#options = options;
  }

  /** Everything the real module has, with the three functions that connect replaced. */
  module(): Record<string, unknown> {
    return {
      ...(mysql as unknown as Record<string, unknown>),
      createPool: (options?: Options) => this.#newPool(options),
      createPoolCluster: () => new SinglePoolCluster(() => this.#newPool()),
      createConnection: (options?: Options) => this.#connect(options),
    };
  }

  #newPool(fromOrm: Options = {}): ReplicatedPool {
    const taken = Object.entries(fromOrm).filter(
      ([name, value]) => value !== undefined && value !== null && !NOT_TAKEN.has(name) && KNOWN.has(name),
    );
    return new ReplicatedPool(this.#mesh, { ...Object.fromEntries(taken), ...this.#options });
  }

  #connect(options?: Options): VirtualConnection {
    this.#shared ??= { pool: this.#newPool(options), connections: 0 };
    const shared = this.#shared;
    shared.connections++;
    let isOver = false;
    const over = (): void => {
      if (isOver) return;
      isOver = true;
      shared.connections--;
      if (shared.connections > 0) return;
      if (this.#shared === shared) this.#shared = undefined;
      shared.pool.end();
    };
    const connection = shared.pool.openConnection(over);
    // Which is no release; `close()` is the same.
    const destroy = connection.destroy.bind(connection);
    connection.destroy = () => {
      destroy();
      over();
    };
    keepSettingsOut(connection, shared.pool);
    // As of a driver's own connection: the ORM learns now that a login is refused.
    shared.pool.verify((error) => {
      if (!error) connection.emit('connect');
      else if (connection.listenerCount('error') > 0) connection.emit('error', error);
    });
    return connection;
  }
}

/**
 * Makes time zones a matter of the pool: as a statement of the session they would tie it to one
 * server.
 */
function keepSettingsOut(connection: VirtualConnection, pool: ReplicatedPool): void {
  const query = connection.query.bind(connection);
  connection.query = (sql: unknown, values?: unknown, callback?: QueryCallback) => {
    const told = typeof values === 'function' ? (values as QueryCallback) : callback;
    const text = textOf(sql);
    if (told === undefined || !SETTING.test(text) || !pool.addInitStatement(text)) {
      return query(sql, values, callback);
    }
    process.nextTick(told, null, undefined, undefined);
    return new EventEmitter() as QueryCommand;
  };
}

/** mysql2's options that an ORM may choose: those that shape what is sent and what comes back. */
const KNOWN: ReadonlySet<string> = new Set([
  'bigNumberStrings',
  'charset',
  'connectionLimit',
  'connectTimeout',
  'dateStrings',
  'decimalNumbers',
  'flags',
  'multipleStatements',
  'namedPlaceholders',
  'stringifyObjects',
  'supportBigNumbers',
  'timezone',
  'typeCast',
]);

/**
 * mysql2's PoolCluster, whose groups are all the same pool: it knows better than a name where a
 * statement belongs.
 */
class SinglePoolCluster extends EventEmitter {
  readonly #create: () => ReplicatedPool;
  #pool: ReplicatedPool | undefined;

  constructor(create: () => ReplicatedPool) {
    super();
    this.#create = create;
  }

  /** Servers come from the mesh: the one given is not used. */
  add(): void {}

  remove(): void {}

  getConnection(...args: unknown[]): void {
    this.#pool ??= this.#create();
    this.#pool.getConnection(args.at(-1) as ConnectionCallback);
  }

  of(): ReplicatedPool {
    this.#pool ??= this.#create();
    return this.#pool;
  }

  end(callback?: (error: unknown) => void): void {
    const pool = this.#pool;
    if (pool === undefined) {
      if (callback !== undefined) process.nextTick(callback, null);
    } else pool.end(callback);
  }
}
