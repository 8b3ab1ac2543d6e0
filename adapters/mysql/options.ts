import { type PolicySpec, optionReaders as read } from '../../src/index.js';

/** How fresh a read must be. See docs/mysql.md. */
export type Consistency = 'eventual' | 'session' | 'strong';

/** What fairlead adds to the options of mysql2's `createPool`; all of those may be given beside these. */
export interface MysqlPoolOptions {
  /** The service whose endpoints are the servers. */
  readonly service: string;
  /** Default `session`: a read sees what was written before it in the same session. */
  readonly consistency?: Consistency;
  /** Who chooses among the replicas. Default: the service's policy. */
  readonly policy?: PolicySpec;
  /** A replica further behind the primary is not read from; milliseconds. Default 10,000; 0 to 86,400,000. */
  readonly maxLagMs?: number;
  /** How long a read may wait for a replica to catch up before it goes to the primary; milliseconds. Default 100. */
  readonly consistencyWaitMs?: number;
  /** How long a caller may wait for a connection, or for a primary to be found; milliseconds. Default 10,000; 0: for ever. */
  readonly acquireTimeoutMs?: number;
  /** A statement without a `timeout` of its own may run this long; milliseconds. Default 0: for ever, as mysql2. */
  readonly queryTimeoutMs?: number;
  /** A connection is not used again after this long; milliseconds. Default 1,800,000. */
  readonly maxLifetimeMs?: number;
  /** Handshakes at once per server. Default 4; 1 to 1,000. */
  readonly maxConnecting?: number;
  /** Connections made before a server is used. Default 0. */
  readonly minIdle?: number;
  /** Between two looks at a server; milliseconds. Default 1,000; 10 to 3,600,000. */
  readonly probeIntervalMs?: number;
  /** Who looks; default: the pool's own user. No privilege is needed. */
  readonly probeUser?: { readonly user: string; readonly password?: string };
  /** Stored functions that write or depend on the session: statements calling one go to the primary. */
  readonly primaryFunctions?: readonly string[];
  /** Overrides the route of a statement; undefined leaves it to the scanner. One that throws is asked no more for that statement. */
  readonly classify?: (sql: string) => 'primary' | 'replica' | undefined;
  /**
   * When two servers accept writes: `refuse` (default) fails writes until one does not; `tagged` takes the one that
   * discovery tags `primary`, if just one is.
   */
  readonly onTwoPrimaries?: 'refuse' | 'tagged';
  /** How long `end()` waits for connections in use before it cuts them; milliseconds. Default 10,000; 0 cuts at once. */
  readonly endTimeoutMs?: number;
  /** Statements run on each new connection: what a listener of `connection` would do, but kept by connections that are reset. */
  readonly initStatements?: readonly string[];
  /** Retries a read elsewhere when its server fails before the first row. Default true. */
  readonly retryReads?: boolean;
}

export interface ReadPoolOptions {
  readonly service: string;
  readonly consistency: Consistency;
  readonly policy: PolicySpec | undefined;
  readonly maxLagMs: number;
  readonly consistencyWaitMs: number;
  readonly acquireTimeoutMs: number;
  readonly queryTimeoutMs: number;
  readonly maxLifetimeMs: number;
  readonly maxConnecting: number;
  readonly minIdle: number;
  readonly probeIntervalMs: number;
  readonly probeUser: { readonly user: string; readonly password?: string } | undefined;
  readonly primaryFunctions: readonly string[];
  readonly classify: ((sql: string) => 'primary' | 'replica' | undefined) | undefined;
  readonly onTwoPrimaries: 'refuse' | 'tagged';
  readonly retryReads: boolean;
  readonly endTimeoutMs: number;
  readonly initStatements: readonly string[];
}

const DAY_MS = 86_400_000;

const schema: read.Schema<ReadPoolOptions> = {
  service: (value, name) => {
    if (typeof value === 'string' && value !== '') return value;
    throw read.invalidOption(name, value, "the name of a service, such as 'mysql'");
  },
  consistency: read.oneOf('session', 'eventual', 'session', 'strong'),
  policy: read.given<PolicySpec>(),
  maxLagMs: read.number(10_000, 0, DAY_MS),
  consistencyWaitMs: read.number(100, 0, DAY_MS),
  acquireTimeoutMs: read.number(10_000, 0, DAY_MS),
  queryTimeoutMs: read.number(0, 0, DAY_MS),
  maxLifetimeMs: read.number(1_800_000, 1, DAY_MS),
  maxConnecting: read.integer(4, 1, 1_000),
  minIdle: read.integer(0, 0, 10_000),
  probeIntervalMs: read.number(1_000, 10, 3_600_000),
  probeUser: read.given(),
  primaryFunctions: read.textList(),
  classify: read.callback(),
  onTwoPrimaries: read.oneOf('refuse', 'refuse', 'tagged'),
  retryReads: read.boolean(true),
  endTimeoutMs: read.number(10_000, 0, DAY_MS),
  initStatements: read.textList(),
};

/** mysql2's own pool options with a meaning here; the rest of its options go to each connection as they are. */
export interface DriverPoolOptions {
  readonly connectionLimit: number;
  readonly maxIdle: number;
  readonly idleTimeoutMs: number;
  readonly queueLimit: number;
  readonly waitForConnections: boolean;
  readonly resetOnRelease: boolean;
  readonly password: string | (() => string | Promise<string>) | undefined;
}

/** Splits what was given into ours, the pool's and the connection's. mysql2 warns of connection options it does not know. */
export function readPoolOptions(options: unknown): {
  readonly own: ReadPoolOptions;
  readonly pool: DriverPoolOptions;
  readonly connection: Readonly<Record<string, unknown>>;
} {
  if (typeof options !== 'object' || options === null) throw read.invalidOption('createPool', options, 'an object');
  const own: Record<string, unknown> = {};
  const pool: Record<string, unknown> = {};
  const connection: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(options)) {
    if (Object.hasOwn(schema, key)) own[key] = value;
    else if (POOL_KEYS.has(key)) pool[key] = value;
    else connection[key] = value;
  }
  for (const key of ['host', 'port', 'socketPath', 'uri', 'stream']) {
    if (key in connection) {
      throw read.invalidOption(`createPool.${key}`, 'set', 'unset: servers come from the service of the mesh');
    }
  }
  return { own: read.readOptions('createPool', own, schema), pool: readDriverPool(pool), connection };
}

const POOL_KEYS: ReadonlySet<string> = new Set([
  'connectionLimit',
  'maxIdle',
  'idleTimeout',
  'queueLimit',
  'waitForConnections',
  'resetOnRelease',
  'gracefulEnd',
  'Promise',
  'password',
]);

/** More than any server takes from one client. */
const MAX_CONNECTIONS = 100_000;

/** The defaults of mysql2: 10 connections, idle for 60 s, no bound on the queue. */
function readDriverPool(given: Record<string, unknown>): DriverPoolOptions {
  const options = read.readOptions<Record<string, never>>('createPool', given, {
    connectionLimit: read.integer(10, 0, MAX_CONNECTIONS),
    maxIdle: read.optional(read.integer(0, 0, 100_000)),
    idleTimeout: read.number(60_000, 1, DAY_MS),
    queueLimit: read.integer(0, 0, 1_000_000),
    waitForConnections: read.boolean(true),
    resetOnRelease: read.boolean(false),
    // Connections always end gracefully here, and promise() takes its own.
    gracefulEnd: read.boolean(true),
    Promise: read.given(),
    password: (value: unknown) => value,
  } as never) as unknown as Record<string, unknown>;
  // 0 means no limit, as in mysql2.
  const connectionLimit = (options.connectionLimit as number) || MAX_CONNECTIONS;
  return {
    connectionLimit,
    maxIdle: (options.maxIdle as number | undefined) ?? connectionLimit,
    idleTimeoutMs: options.idleTimeout as number,
    queueLimit: options.queueLimit as number,
    waitForConnections: options.waitForConnections as boolean,
    resetOnRelease: options.resetOnRelease as boolean,
    password: options.password as DriverPoolOptions['password'],
  };
}
