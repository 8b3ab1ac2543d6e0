import type { PoolStatus } from './cluster/status.js';
import type { DriverPoolOptions } from './common/driver-options.js';

/** The names and shape of mysql2's. */
export function publicConfig(pool: DriverPoolOptions, parsed: Record<string, unknown>): Record<string, unknown> {
  return {
    connectionConfig: parsed,
    connectionLimit: pool.connectionLimit,
    maxIdle: pool.maxIdle,
    idleTimeout: pool.idleTimeoutMs,
    queueLimit: pool.queueLimit,
    waitForConnections: pool.waitForConnections,
    resetOnRelease: pool.resetOnRelease,
  };
}

const SECRETS: ReadonlySet<string> = new Set(['password1', 'password2', 'password3', 'passwordSha1', 'ssl']);

/** Options of a connection that may be shown. */
export function withoutSecrets(connection: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(connection).filter(([name]) => !SECRETS.has(name)));
}

/** Milliseconds by server, of those whose lag is known. */
export function lagFigures({ servers }: PoolStatus): Record<string, number> {
  const known = servers.filter(({ lagMs }) => Number.isFinite(lagMs));
  return Object.fromEntries(known.map(({ id, lagMs }) => [`lagMs ${id}`, lagMs]));
}
