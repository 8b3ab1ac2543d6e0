import { createPoolCluster, type PoolConnection } from 'mysql2/promise';

/**
 * mysql2's PoolCluster as its users have it: a MASTER for what writes and for what must be new, the
 * others in turn for the rest. It has no look at roles: they are those of the beginning.
 */
export function plainPool(
  ports: readonly number[],
  login: object,
  options: Readonly<Record<string, unknown>>,
): PlainPool {
  const cluster = createPoolCluster({ removeNodeErrorCount: Number.POSITIVE_INFINITY, restoreNodeTimeout: 0 });
  const { connectionLimit = 10 } = options;
  for (const [i, port] of ports.entries())
    cluster.add(i === 0 ? 'MASTER' : `SLAVE${i}`, { host: '127.0.0.1', port, connectionLimit, ...login } as never);
  const connect = (forReads: boolean): Promise<PoolConnection> =>
    forReads ? cluster.of('SLAVE*', 'RR').getConnection() : cluster.getConnection('MASTER');
  const { queryTimeoutMs: timeout } = options;
  const run = async (how: 'query' | 'execute', asked: unknown, values: unknown): Promise<unknown> => {
    const { consistency, sql, ...rest } = (typeof asked === 'string' ? { sql: asked } : asked) as PlainQuery;
    const connection = await connect(/^\s*SELECT/i.test(sql) && consistency !== 'strong');
    try {
      return await (connection[how] as (options: object) => Promise<unknown>)({
        timeout,
        sql,
        ...rest,
        ...(values === undefined ? {} : { values }),
      });
    } finally {
      connection.release();
    }
  };
  return {
    query: (sql, values) => run('query', sql, values),
    execute: (sql, values) => run('execute', sql, values),
    getConnection: () => connect(false),
    end: () => cluster.end(),
  };
}

interface PlainQuery {
  readonly sql: string;
  readonly consistency?: string;
}

interface PlainPool {
  query(sql: unknown, values?: unknown): Promise<unknown>;
  execute(sql: unknown, values?: unknown): Promise<unknown>;
  getConnection(): Promise<PoolConnection>;
  end(): Promise<void>;
}
