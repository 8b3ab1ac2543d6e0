import type { Pool, PoolConnection, PoolOptions, SslOptions } from 'mysql2';
import { checkMesh } from '../../src/adapter.js';
import type { Mesh } from '../../src/index.js';
import type { ReplicatedPoolApi, RoutedConnection, RoutedQueries } from './api.js';
import type { Password } from './common/driver-options.js';
import type { MysqlPoolOptions } from './common/options.js';
import { OrmDriver } from './orm-driver.js';
import { ReplicatedPool } from './pool.js';

export type {
  ReplicatedPoolApi,
  RoutedConnection,
  RoutedPromiseConnection,
  RoutedPromiseQueries,
  RoutedQueries,
  RoutedQueryOptions,
} from './api.js';
export type { PoolStatus, ServerStatus } from './cluster/status.js';
export type { Password } from './common/driver-options.js';
export type { Consistency, EndpointRoute, MysqlPoolOptions, ProbeUser, RouteChoice } from './common/options.js';
export type { IsolationLevel, TransactionOptions } from './common/transaction-options.js';
export type { Route } from './route.js';
export { type SessionMiddleware, type SessionMiddlewareOptions, sessionMiddleware } from './session-middleware.js';

/** mysql2's options beside those of fairlead; servers and ports come from the mesh. */
export type CreatePoolOptions = MysqlPoolOptions &
  Omit<PoolOptions, 'host' | 'port' | 'socketPath' | 'uri' | 'stream' | 'pool' | 'isServer' | 'password' | 'ssl'> & {
    /**
     * The password, or a function that returns it for each new connection: for passwords that
     * change.
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

/** mysql2's callback pool, with what fairlead adds to it and its connections. */
export type ReplicatedMysqlPool = ReplicatedPoolApi &
  RoutedQueries & {
    getConnection(
      callback: (error: NodeJS.ErrnoException | null, connection: RoutedConnection & PoolConnection) => unknown,
    ): void;
  } & Pool;

/**
 * For ORMs that load mysql2 themselves: the module with its `createPool`, `createPoolCluster` and
 * `createConnection` over the servers of a service. TypeORM: `driver: createDriver(mesh, options)`.
 * Sequelize: `dialectModule`.
 */
export function createDriver(mesh: Mesh, options: CreatePoolOptions): Record<string, unknown> {
  checkMesh('createDriver', mesh);
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
export function createPool(mesh: Mesh, options: CreatePoolOptions): ReplicatedMysqlPool {
  checkMesh('createPool', mesh);
  return new ReplicatedPool(mesh, options) as unknown as ReplicatedMysqlPool;
}
