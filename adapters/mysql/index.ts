import type { Pool, PoolOptions, QueryOptions, SslOptions } from 'mysql2';
import type { Mesh } from '../../src/index.js';
import type { Password } from './common/driver-options.js';
import type { Consistency, MysqlPoolOptions } from './common/options.js';
import { OrmDriver } from './orm-driver.js';
import { ReplicatedPool, type Route } from './pool.js';

export type { Password } from './common/driver-options.js';
export type { Consistency, MysqlPoolOptions, ProbeUser } from './common/options.js';
export type { Route } from './pool.js';

/** mysql2's options beside those of fairlead; servers and ports come from the mesh. */
export type CreatePoolOptions = MysqlPoolOptions &
  Omit<PoolOptions, 'host' | 'port' | 'socketPath' | 'uri' | 'stream' | 'pool' | 'isServer' | 'password' | 'ssl'> & {
    /**
     * The password, or a function that gives it for each new connection: for passwords that change.
     */
    readonly password?: Password;
    readonly ssl?: string | TlsOptions;
  };

/** mysql2's options of TLS, without those that it ignores. */
export interface TlsOptions extends Omit<SslOptions, 'pfx' | 'crl'> {
  /**
   * The name to ask for (SNI) and, with `verifyIdentity`, to find in the certificate. Default: the
   * endpoint's host.
   */
  readonly servername?: string;
}

/**
 * A query of mysql2 with what it asks of this pool: `pool.query({ sql, route: 'primary' } as
 * RoutedQueryOptions)`.
 */
export interface RoutedQueryOptions extends QueryOptions {
  readonly route?: 'primary' | 'replica';
  readonly consistency?: Consistency;
}

/** What fairlead adds to the pool of mysql2. */
export interface ReplicatedPoolApi {
  /** Where a statement would run on a clean connection, and why. Sends nothing. */
  route(sql: string): Route;
  /** Runs `run` as a session of its own, or as one that `exportSession` gave a token of. */
  session<T>(run: () => T, token?: string): T;
  /** The position of the current session, as a token for `session`. Empty before a write. */
  exportSession(): string;
  /** All that `run` does has this consistency. */
  withConsistency<T>(consistency: Consistency, run: () => T): T;
  /** All that `run` does goes there, where it may choose. */
  withRoute<T>(route: 'primary' | 'replica', run: () => T): T;
  /** Connections by endpoint id. */
  stats(): ReturnType<ReplicatedPool['stats']>;
}

/**
 * For ORMs that load mysql2 themselves: the module with its `createPool`, `createPoolCluster` and
 * `createConnection` over the servers of a service. TypeORM: `driver: createDriver(mesh, options)`.
 * Sequelize: `dialectModule`.
 */
export function createDriver(mesh: Mesh, options: CreatePoolOptions): Record<string, unknown> {
  return new OrmDriver(mesh, options as unknown as Readonly<Record<string, unknown>>).module();
}

/**
 * mysql2's callback pool over the servers of a service: writes on the primary, reads on replicas
 * that are fresh enough.
 *
 * ```ts
 * const pool = createPool(mesh, { service: 'mysql', user: 'app', password: 'secret', database: 'shop' });
 * ```
 */
export function createPool(mesh: Mesh, options: CreatePoolOptions): Pool & ReplicatedPoolApi {
  return new ReplicatedPool(mesh, options) as unknown as Pool & ReplicatedPoolApi;
}
