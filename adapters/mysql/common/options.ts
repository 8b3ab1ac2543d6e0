import { type KeySettings, optionReaders as read, tokenKeys } from '../../../src/adapter.js';
import type { PolicySpec, TokenKey } from '../../../src/index.js';
import { type DriverPoolOptions, type Password, readDriverOptions, readPassword } from './driver-options.js';

/** How fresh a read must be. See docs/mysql.md. */
export type Consistency = 'eventual' | 'session' | 'strong';

/** One server, by the id of its endpoint. */
export interface EndpointRoute {
  readonly endpoint: string;
}

/** Where statements go: the primary, any replica that is fresh enough, or one server. */
export type RouteChoice = 'primary' | 'replica' | EndpointRoute;

/** The login of the prober. No privilege is needed. */
export interface ProbeUser {
  readonly user: string;
  readonly password?: Password | undefined;
}

/**
 * What fairlead adds to the options of mysql2's `createPool`; all of those may be given beside
 * these.
 */
export interface MysqlPoolOptions {
  /** The service whose endpoints are the servers. */
  readonly service: string;
  /** Default `session`: a read sees what was written before it in the same session. */
  readonly consistency?: Consistency;
  /** Who chooses among the replicas. Default: the service's policy. */
  readonly policy?: PolicySpec;
  /**
   * A replica further behind the primary is not read from; milliseconds. Default 10,000; 0 to
   * 86,400,000.
   */
  readonly maxLagMs?: number;
  /**
   * How long a read may wait for a replica to catch up before it goes to the primary; milliseconds.
   * Default 100; 0 to 86,400,000.
   */
  readonly consistencyWaitMs?: number;
  /**
   * How long a caller may wait for a connection, or for a primary to be found; milliseconds.
   * Default 10,000; 0 (no limit) to 86,400,000.
   */
  readonly acquireTimeoutMs?: number;
  /**
   * A statement without its own `timeout` may run this long; milliseconds. Default 0: no limit, as
   * in mysql2; 0 to 86,400,000.
   */
  readonly queryTimeoutMs?: number;
  /**
   * A connection is not used again after this long; milliseconds. Default 1,800,000; 1 to
   * 86,400,000.
   */
  readonly maxLifetimeMs?: number;
  /** Handshakes at once per server. Default 4; 1 to 1,000. */
  readonly maxConnecting?: number;
  /** Connections made before a server is used. Default 0; 0 to 10,000. */
  readonly minIdle?: number;
  /** Between two looks at a server; milliseconds. Default 1,000; 10 to 3,600,000. */
  readonly probeIntervalMs?: number;
  /** Who looks; default: the pool's own user. No privilege is needed. */
  readonly probeUser?: ProbeUser;
  /**
   * Stored functions that write or depend on the session: statements calling one go to the primary.
   */
  readonly primaryFunctions?: readonly string[];
  /**
   * Overrides the route of a statement; undefined leaves it to the scanner. One that throws is
   * asked no more for that statement.
   */
  readonly classify?: (sql: string) => 'primary' | 'replica' | undefined;
  /**
   * Whether a comment at the head of a statement says where it goes. Default true. Set it to false
   * where text of users gets into comments. A hint sends to a replica only what is known to read.
   */
  readonly hints?: boolean;
  /**
   * When two servers accept writes: `refuse` (default) fails writes until one does not; `tagged`
   * takes the one that discovery tags `primary`, if just one is; `any`, for group replication with
   * several primaries and Galera, writes to one of them, the one whose id comes first (of those
   * that are tagged `primary`, if any), and reads from all of them.
   */
  readonly onTwoPrimaries?: 'refuse' | 'tagged' | 'any';
  /**
   * How long `end()` waits for connections in use before it cuts them; milliseconds. Default
   * 10,000; 0 (cuts at once) to 86,400,000.
   */
  readonly endTimeoutMs?: number;
  /**
   * Statements run on each new connection: what a listener of `connection` would do, but kept by
   * connections that are reset.
   */
  readonly initStatements?: readonly string[];
  /**
   * Keys for what `exportSession` returns, as for `affinityTokens`: the first signs, all of them
   * verify. The same for all processes that share sessions. Default: none, and `exportSession` is
   * refused.
   */
  readonly sessionKeys?: readonly TokenKey[];
  /**
   * Lets passwords be encrypted with a public key that the server sends, over connections without
   * TLS to other machines. Default false: any server at an endpoint's address could read them.
   */
  readonly allowPublicKeyRetrieval?: boolean;
  /** Retries a read elsewhere when its server fails before the first row. Default true. */
  readonly retryReads?: boolean;
}

export interface PoolSettings {
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
  readonly probeUser: ProbeUser | undefined;
  readonly primaryFunctions: readonly string[];
  readonly classify: ((sql: string) => 'primary' | 'replica' | undefined) | undefined;
  readonly hints: boolean;
  readonly onTwoPrimaries: 'refuse' | 'tagged' | 'any';
  readonly retryReads: boolean;
  readonly allowPublicKeyRetrieval: boolean;
  readonly sessionKeys: readonly KeySettings[] | undefined;
  readonly endTimeoutMs: number;
  readonly initStatements: readonly string[];
}

const DAY_MS = 86_400_000;

const readProbeUser: read.Reader<ProbeUser> = (value, name) =>
  read.readOptions<ProbeUser>(name, value, {
    user: (user, at) => read.text('')(user ?? null, at),
    password: readPassword,
  });

const schema: read.Schema<PoolSettings> = {
  service: (value, name) => {
    if (typeof value === 'string' && value !== '') return value;
    throw read.invalidOption(name, value, "the name of a service, such as 'mysql'");
  },
  consistency: read.oneOf('session', 'eventual', 'session', 'strong'),
  policy: read.unchecked<PolicySpec>(),
  maxLagMs: read.number(10_000, 0, DAY_MS),
  consistencyWaitMs: read.number(100, 0, DAY_MS),
  acquireTimeoutMs: read.number(10_000, 0, DAY_MS),
  queryTimeoutMs: read.number(0, 0, DAY_MS),
  maxLifetimeMs: read.number(1_800_000, 1, DAY_MS),
  maxConnecting: read.integer(4, 1, 1_000),
  minIdle: read.integer(0, 0, 10_000),
  probeIntervalMs: read.number(1_000, 10, 3_600_000),
  probeUser: read.optional(readProbeUser),
  primaryFunctions: read.textList(),
  classify: read.callback(),
  hints: read.boolean(true),
  onTwoPrimaries: read.oneOf('refuse', 'refuse', 'tagged', 'any'),
  retryReads: read.boolean(true),
  allowPublicKeyRetrieval: read.boolean(false),
  sessionKeys: read.optional(tokenKeys),
  endTimeoutMs: read.number(10_000, 0, DAY_MS),
  initStatements: read.textList(),
};

/** Splits the options into Fairlead's, the pool's and the connection's. Refuses any other. */
export function readPoolOptions(options: unknown): {
  readonly own: PoolSettings;
  readonly pool: DriverPoolOptions;
  readonly connection: Readonly<Record<string, unknown>>;
} {
  if (typeof options !== 'object' || options === null) throw read.invalidOption('createPool', options, 'an object');
  const entries = Object.entries(options);
  const isOwn = ([key]: readonly [string, unknown]): boolean => Object.hasOwn(schema, key);
  // Not by assignment: a key `__proto__` of parsed JSON is to be refused like any other.
  const own = Object.fromEntries(entries.filter(isOwn));
  const driver = Object.fromEntries(entries.filter((entry) => !isOwn(entry)));
  return {
    own: read.readOptions('createPool', own, schema),
    ...readDriverOptions(driver, Object.keys(schema)),
  };
}
