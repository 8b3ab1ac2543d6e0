import { checkSecureContext, optionReaders as read } from '../../../src/adapter.js';
import { FairleadError } from '../../../src/index.js';

/** A password, or a function that returns it for each new connection: for passwords that change. */
export type Password = string | (() => string | Promise<string>);

/**
 * mysql2's own pool options with a meaning here; the rest of its options go to each connection as
 * they are.
 */
export interface DriverPoolOptions {
  readonly connectionLimit: number;
  readonly maxIdle: number;
  readonly idleTimeoutMs: number;
  readonly queueLimit: number;
  readonly waitForConnections: boolean;
  readonly resetOnRelease: boolean;
  readonly password: Password | undefined;
}

/**
 * mysql2's options of a connection, which it gets as they are. A test compares this list, with
 * those below, to the one of the installed driver: mysql2 itself only warns of a name it does not
 * know, and goes on without it.
 */
const CONNECTION_KEYS: ReadonlySet<string> = new Set([
  'authPlugins',
  'authSwitchHandler',
  'bigNumberStrings',
  'charset',
  'charsetNumber',
  'compress',
  'connectAttributes',
  'connectTimeout',
  'database',
  'dateStrings',
  'debug',
  'decimalNumbers',
  'disableEval',
  'enableCleartextPlugin',
  'enableKeepAlive',
  'flags',
  'infileStreamFactory',
  'insecureAuth',
  'jsonStrings',
  'keepAliveInitialDelay',
  'localAddress',
  'maxPreparedStatements',
  'multipleStatements',
  'namedPlaceholders',
  'nestTables',
  'password1',
  'password2',
  'password3',
  'passwordSha1',
  'queryFormat',
  'rowsAsArray',
  'ssl',
  'stringifyObjects',
  'supportBigNumbers',
  'timezone',
  'trace',
  'typeCast',
  'user',
]);

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

const FROM_MESH = 'unset: servers come from the service of the mesh';

/** Options of mysql2 that mean nothing here, with what is allowed instead. */
const REFUSED: ReadonlyMap<string, string> = new Map([
  ['host', FROM_MESH],
  ['port', FROM_MESH],
  ['socketPath', FROM_MESH],
  ['uri', FROM_MESH],
  ['stream', FROM_MESH],
  ['pool', 'unset: this is the pool'],
  ['isServer', 'unset: this is a client'],
]);

/** Every option of mysql2 that is dealt with, one way or the other. */
export const DRIVER_OPTIONS: readonly string[] = [...CONNECTION_KEYS, ...POOL_KEYS, ...REFUSED.keys()];

/**
 * The parts of `ssl` that mysql2 reads; `servername` is Fairlead's. Its types name `pfx` and `crl`
 * as well, which it ignores.
 */
const TLS_KEYS: ReadonlySet<string> = new Set([
  'ca',
  'cert',
  'ciphers',
  'key',
  'maxVersion',
  'minVersion',
  'passphrase',
  'rejectUnauthorized',
  'servername',
  'verifyIdentity',
]);

/** Those mysql2 understands; it takes another one for UTC, with a warning on the console. */
const TIMEZONE = /^(?:local|Z|[ +-]\d\d:\d\d)$/;

const DAY_MS = 86_400_000;

/** More than any server takes from one client. */
const MAX_CONNECTIONS = 100_000;

/**
 * Splits options of mysql2 into the pool's and the connection's; refuses what is not an option of
 * it.
 */
export function readDriverOptions(
  options: Readonly<Record<string, unknown>>,
  ownNames: readonly string[],
): { readonly pool: DriverPoolOptions; readonly connection: Readonly<Record<string, unknown>> } {
  const pool: Record<string, unknown> = {};
  const connection: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(options)) {
    if (POOL_KEYS.has(key)) pool[key] = value;
    else if (value !== undefined) connection[key] = checked(key, value, ownNames);
  }
  return { pool: readPool(pool), connection };
}

function checked(key: string, value: unknown, ownNames: readonly string[]): unknown {
  const name = `createPool.${key}`;
  const refusal = REFUSED.get(key);
  if (refusal !== undefined) throw read.invalidOption(name, 'set', refusal);
  if (!CONNECTION_KEYS.has(key)) {
    throw read.unknownOption('createPool.', key, [...ownNames, ...POOL_KEYS, ...CONNECTION_KEYS]);
  }
  // mysql2 takes it for UTC, with a warning on the console.
  if (key === 'timezone' && typeof value === 'string' && value.toLowerCase() === 'utc') return 'Z';
  if (key === 'timezone' && !(typeof value === 'string' && TIMEZONE.test(value))) {
    throw read.invalidOption(name, value, "'local', 'Z' or an offset such as '+02:00'");
  }
  if (key === 'connectTimeout') return read.number(0, 0, DAY_MS)(value, name);
  if (key === 'ssl' && typeof value === 'object' && value !== null) {
    const unknown = Object.keys(value).find((each) => !TLS_KEYS.has(each));
    if (unknown !== undefined) throw read.unknownOption(`${name}.`, unknown, [...TLS_KEYS]);
    checkSecureContext(name, value);
    return renewable(value);
  }
  return value;
}

/** What is renewed while a pool works: by a getter of the option, or in its place. */
const RENEWED = ['ca', 'cert', 'key', 'passphrase'];

/** A copy, as mysql2 fills in defaults, with these as the option has them when they are read. */
function renewable(ssl: object): object {
  const given = ssl as Record<string, unknown>;
  const copy = { ...given };
  for (const key of RENEWED) {
    if (key in copy) Object.defineProperty(copy, key, { enumerable: true, configurable: true, get: () => given[key] });
  }
  return copy;
}

/** A password as an option; it is never shown. */
export const readPassword: read.Reader<Password | undefined> = (value, name) => {
  if (value === undefined || typeof value === 'string' || typeof value === 'function') return value as Password;
  throw new FairleadError('FAIRLEAD_INVALID_OPTION', `${name} is neither a string nor a function (value not shown).`);
};

interface GivenPool extends Omit<DriverPoolOptions, 'maxIdle' | 'idleTimeoutMs'> {
  readonly maxIdle: number | undefined;
  readonly idleTimeout: number;
  readonly gracefulEnd: boolean;
  readonly Promise: unknown;
}

/** The defaults of mysql2: 10 connections, idle for 60 s, no bound on the queue. */
const poolSchema: read.Schema<GivenPool> = {
  connectionLimit: read.integer(10, 0, MAX_CONNECTIONS),
  maxIdle: read.optional(read.integer(0, 0, MAX_CONNECTIONS)),
  idleTimeout: read.number(60_000, 1, DAY_MS),
  queueLimit: read.integer(0, 0, 1_000_000),
  waitForConnections: read.boolean(true),
  resetOnRelease: read.boolean(false),
  // Connections always end gracefully here, and promise() takes its own.
  gracefulEnd: read.boolean(true),
  Promise: read.unchecked(),
  password: readPassword,
};

function readPool(given: Record<string, unknown>): DriverPoolOptions {
  const options = read.readOptions<GivenPool>('createPool', given, poolSchema);
  // 0 means no limit, as in mysql2.
  const connectionLimit = options.connectionLimit || MAX_CONNECTIONS;
  return {
    connectionLimit,
    maxIdle: options.maxIdle ?? connectionLimit,
    idleTimeoutMs: options.idleTimeout,
    queueLimit: options.queueLimit,
    waitForConnections: options.waitForConnections,
    resetOnRelease: options.resetOnRelease,
    password: options.password,
  };
}
