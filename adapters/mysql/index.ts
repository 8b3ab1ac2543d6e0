import type { Pool, PoolOptions } from 'mysql2';
import type { Mesh } from '../../src/index.js';
import type { MysqlPoolOptions } from './options.js';
import { ReplicatedPool, type Route } from './pool.js';

export type { Consistency, MysqlPoolOptions } from './options.js';
export type { Route } from './pool.js';

/** mysql2's options beside those of fairlead; servers and ports come from the mesh. */
export type CreatePoolOptions = MysqlPoolOptions &
  Omit<PoolOptions, 'host' | 'port' | 'socketPath' | 'uri' | 'stream' | 'password'> & {
    /** The password, or a function that gives it for each new connection: for passwords that change. */
    readonly password?: string | (() => string | Promise<string>);
  };

/** What fairlead adds to the pool of mysql2. */
export interface ReplicatedPoolApi {
  route(sql: string): Route;
  session<T>(run: () => T, token?: string): T;
  exportSession(): string;
}

/**
 * mysql2's callback pool over the servers of a service: writes on the primary, reads on replicas that are fresh enough.
 *
 * ```ts
 * const pool = createPool(mesh, { service: 'mysql', user: 'app', password: 'secret', database: 'shop' });
 * ```
 */
export function createPool(mesh: Mesh, options: CreatePoolOptions): Pool & ReplicatedPoolApi {
  return new ReplicatedPool(mesh, options) as unknown as Pool & ReplicatedPoolApi;
}
