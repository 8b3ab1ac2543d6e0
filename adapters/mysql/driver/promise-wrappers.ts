import { promiseWrappers } from './driver.js';

/**
 * What the promise connection of mysql2 does by reaching into its own kind of connection; the
 * pool's is asked instead.
 */
const REACHING_IN = ['close', 'escape', 'escapeId', 'format', 'pause', 'resume', 'unprepare'] as const;

type Reached = Record<(typeof REACHING_IN)[number], (...args: unknown[]) => unknown>;

interface OfFairlead {
  cancel(callback: (error: unknown, cancelled?: boolean) => void): void;
  reset(callback: (error: unknown) => void): void;
}

class PromisePoolConnection extends promiseWrappers.PromisePoolConnection {
  declare readonly connection: Reached & OfFairlead;
  declare readonly Promise: PromiseConstructor;

  cancel(): Promise<boolean> {
    return new this.Promise((resolve, reject) => {
      this.connection.cancel((error, cancelled) => (error ? reject(error) : resolve(cancelled === true)));
    });
  }

  /** mysql2's own has it from 3.22 on. */
  reset(): Promise<void> {
    return new this.Promise((resolve, reject) => {
      this.connection.reset((error) => (error ? reject(error) : resolve()));
    });
  }
}

for (const name of REACHING_IN) {
  Object.defineProperty(PromisePoolConnection.prototype, name, {
    configurable: true,
    writable: true,
    value(this: PromisePoolConnection, ...args: unknown[]): unknown {
      return this.connection[name](...args);
    },
  });
}

interface CallbackPool {
  getConnection(callback: (error: unknown, connection?: unknown) => void): void;
}

class PromisePool extends promiseWrappers.PromisePool {
  declare readonly pool: CallbackPool;
  declare readonly Promise: PromiseConstructor;

  getConnection(): Promise<object> {
    return new this.Promise((resolve, reject) => {
      this.pool.getConnection((error, connection) => {
        if (error) reject(error);
        else resolve(new PromisePoolConnection(connection, this.Promise));
      });
    });
  }
}

/** mysql2's promise API for a connection from `getConnection`. */
export function promiseConnection(connection: unknown, promise?: PromiseConstructor): object {
  return new PromisePoolConnection(connection, promise);
}

/** mysql2's promise API for a pool. */
export function promisePool(pool: unknown, promise?: PromiseConstructor): object {
  return new PromisePool(pool, promise);
}
