import type { Pool } from 'mysql2/promise';
import type { Mesh } from '../../src/index.js';
import type { Consistency } from './common/options.js';
import { promisePool } from './driver/promise-wrappers.js';
import { type CreatePoolOptions, createPool as createCallbackPool, type ReplicatedPoolApi } from './index.js';

export type {
  Consistency,
  CreatePoolOptions,
  MysqlPoolOptions,
  Password,
  ProbeUser,
  ReplicatedPoolApi,
  Route,
  RoutedQueryOptions,
  TlsOptions,
} from './index.js';

/**
 * mysql2's promise pool over the servers of a service: the driver's own promise wrapper around
 * `createPool` of `fairlead/mysql`.
 */
export function createPool(mesh: Mesh, options: CreatePoolOptions): Pool & ReplicatedPoolApi {
  const callbackPool = createCallbackPool(mesh, options);
  const pool = promisePool(callbackPool, Promise) as Pool;
  return Object.assign(pool, {
    route: (sql: string) => callbackPool.route(sql),
    session: <T>(run: () => T, token?: string): T => callbackPool.session(run, token),
    exportSession: () => callbackPool.exportSession(),
    withConsistency: <T>(consistency: Consistency, run: () => T): T => callbackPool.withConsistency(consistency, run),
    withRoute: <T>(route: 'primary' | 'replica', run: () => T): T => callbackPool.withRoute(route, run),
    stats: () => callbackPool.stats(),
  });
}
