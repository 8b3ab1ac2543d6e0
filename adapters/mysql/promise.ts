import type { Pool } from 'mysql2/promise';
import * as driver from 'mysql2/promise';
import type { Mesh } from '../../src/index.js';
import { type CreatePoolOptions, createPool as createCallbackPool, type ReplicatedPoolApi } from './index.js';

export type { Consistency, CreatePoolOptions, MysqlPoolOptions, ReplicatedPoolApi, Route } from './index.js';

/** Exported by the driver without a type. */
const { PromisePool } = driver as unknown as { PromisePool: new (pool: unknown, promise?: unknown) => Pool };

/**
 * mysql2's promise pool over the servers of a service: the driver's own promise wrapper around `createPool` of
 * `fairlead/mysql`.
 */
export function createPool(mesh: Mesh, options: CreatePoolOptions): Pool & ReplicatedPoolApi {
  const callbackPool = createCallbackPool(mesh, options);
  return Object.assign(new PromisePool(callbackPool, Promise), {
    route: (sql: string) => callbackPool.route(sql),
    session: <T>(run: () => T, token?: string): T => callbackPool.session(run, token),
    exportSession: () => callbackPool.exportSession(),
  });
}
