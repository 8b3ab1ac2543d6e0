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

interface CallbackPool {
  getConnection(callback: (error: unknown, connection?: unknown) => void): void;
}

/** Made at the first use: few programs have the promise API of a pool that has callbacks. */
let made: ReturnType<typeof makeWrappers> | undefined;

function makeWrappers() {
  const wrappers = promiseWrappers();

  class PromisePoolConnection extends wrappers.PromisePoolConnection {
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

  class PromisePool extends wrappers.PromisePool {
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

  return { PromisePool, PromisePoolConnection };
}

/** mysql2's promise API for a connection from `getConnection`. */
export function promiseConnection(connection: unknown, promise?: PromiseConstructor): object {
  made ??= makeWrappers();
  return new made.PromisePoolConnection(connection, promise);
}

/** mysql2's promise API for a pool. */
export function promisePool(pool: unknown, promise?: PromiseConstructor): object {
  made ??= makeWrappers();
  return new made.PromisePool(pool, promise);
}
