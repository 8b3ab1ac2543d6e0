import type { Pool, PoolConnection } from 'mysql2/promise';
import { checkMesh } from '../../src/adapter.js';
import type { Mesh } from '../../src/index.js';
import type { ReplicatedPoolApi, RoutedPromiseConnection, RoutedPromiseQueries } from './api.js';
import type { Consistency, RouteChoice } from './common/options.js';
import { promisePool } from './driver/promise-wrappers.js';
import { type CreatePoolOptions, createPool as createCallbackPool } from './index.js';
import { sessionCarriers } from './session/session-carriers.js';

export type {
  Consistency,
  CreatePoolOptions,
  EndpointRoute,
  IsolationLevel,
  MysqlPoolOptions,
  Password,
  PoolStatus,
  ProbeUser,
  ReplicatedPoolApi,
  Route,
  RouteChoice,
  RoutedPromiseConnection,
  RoutedPromiseQueries,
  RoutedQueryOptions,
  ServerStatus,
  TlsOptions,
  TransactionOptions,
} from './index.js';
export { type SessionMiddleware, type SessionMiddlewareOptions, sessionMiddleware } from './session-middleware.js';

/** mysql2's promise pool, with what fairlead adds to it and its connections. */
export type ReplicatedMysqlPromisePool = ReplicatedPoolApi &
  RoutedPromiseQueries & {
    getConnection(): Promise<RoutedPromiseConnection & PoolConnection>;
  } & Pool;

/**
 * mysql2's promise pool over the servers of a service: the driver's own promise wrapper around
 * `createPool` of `fairlead/mysql`.
 */
export function createPool(mesh: Mesh, options: CreatePoolOptions): ReplicatedMysqlPromisePool {
  checkMesh('createPool', mesh);
  const callbackPool = createCallbackPool(mesh, options);
  const pool = promisePool(callbackPool, Promise) as ReplicatedMysqlPromisePool;
  callbackPool.on('status', (status) => pool.emit('status', status));
  sessionCarriers.set(pool, sessionCarriers.get(callbackPool)!);
  return Object.assign(pool, {
    route: (sql: string) => callbackPool.route(sql),
    session: <T>(run: () => T, token?: string | null): T => callbackPool.session(run, token),
    exportSession: () => callbackPool.exportSession(),
    withConsistency: <T>(consistency: Consistency, run: () => T): T => callbackPool.withConsistency(consistency, run),
    withRoute: <T>(route: RouteChoice, run: () => T): T => callbackPool.withRoute(route, run),
    transaction: (...args: Parameters<ReplicatedPoolApi['transaction']>) =>
      callbackPool.transaction(...args) as Promise<never>,
    status: () => callbackPool.status(),
    stats: () => callbackPool.stats(),
  });
}
