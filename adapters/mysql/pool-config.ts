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

/**
 * By server: whether its latest look was answered, whether it is the primary, written to and read
 * from (1 or 0), and the lag in milliseconds of those whose lag is known.
 */
export function serverFigures({ servers }: PoolStatus): Record<string, number> {
  const figures: Record<string, number> = {};
  for (const { id, role, error, seenAgoMs, written, read, lagMs } of servers) {
    figures[`up ${id}`] = Number(error === undefined && !Number.isNaN(seenAgoMs));
    figures[`primary ${id}`] = Number(role === 'primary');
    figures[`written ${id}`] = Number(written);
    figures[`read ${id}`] = Number(read);
    if (Number.isFinite(lagMs)) figures[`lagMs ${id}`] = lagMs;
  }
  return figures;
}
