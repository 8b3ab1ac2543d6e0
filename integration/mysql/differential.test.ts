import { createMesh, type Mesh, staticResolver } from 'fairlead';
import { createPool as createOurs } from 'fairlead/mysql';
import mysql, { type Pool, type PoolConnection, type PoolOptions } from 'mysql2';
import type { Pool as PromisePool } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Mysql, SQL_USERS, type SqlTopology, startMysql } from '../harness/index.js';

/**
 * Each scenario is run with mysql2's pool and with ours, on one server and a table of the same
 * content, and must give the same: results, errors, events, types.
 */
type Scenario = (pool: Pool, promise: PromisePool) => unknown;

let topology: SqlTopology<Mysql>;
let mesh: Mesh;

beforeAll(async () => {
  topology = await startMysql({ replicas: 0 });
  const { host, port } = topology.primary;
  mesh = createMesh({ resolver: staticResolver({ mysql: [{ id: 'db0', host, port }] }) });
});
afterAll(async () => {
  await mesh?.close();
  await topology?.[Symbol.asyncDispose]();
});

/** Waits for the call of a callback and gives its arguments. */
const called = (act: (callback: (...args: unknown[]) => void) => unknown): Promise<unknown[]> =>
  // mysql2 tells an error with two arguments more, undefined both.
  new Promise((resolve) => act((...args) => resolve(args[0] ? args.slice(0, 1) : args)));

const connectionOf = async (pool: Pool): Promise<PoolConnection> =>
  (await called((done) => pool.getConnection(done)))[1] as PoolConnection;

/** What a caller sees of a value: no addresses, no thread ids, no order of settings. */
function seen(value: unknown, depth = 0): unknown {
  if (typeof value === 'function') return '(function)';
  if (value instanceof Error) {
    const { name, message } = value;
    const { code, errno, sqlState, sqlMessage, sql, fatal } = value as unknown as Record<string, unknown>;
    return { error: name, message, code, errno, sqlState, sqlMessage, sql, fatal };
  }
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Date || Buffer.isBuffer(value)) return value;
  if (Array.isArray(value)) return value.map((each) => seen(each, depth + 1));
  if (depth > 6) return value.constructor?.name;
  if ('stateChanges' in value) return seen({ ...value, stateChanges: undefined }, depth);
  // A column: compared by what its getters tell.
  if ('columnLength' in value) {
    const { name, columnType, flags, characterSet, decimals, table, schema } = value as never;
    return { column: { name, columnType, flags, characterSet, decimals, table, schema } };
  }
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, seen(each, depth + 1)]));
}

async function outcome(create: (options: PoolOptions) => Pool, options: PoolOptions, run: Scenario): Promise<unknown> {
  await topology.primary.sql(
    `USE ${topology.database}; TRUNCATE t; INSERT INTO t (v) VALUES ('one'), ('two'), ('three')`,
  );
  const pool = create({ ...SQL_USERS.app, database: topology.database, connectionLimit: 2, ...options });
  try {
    return seen(await run(pool, pool.promise()));
  } catch (error) {
    return { thrown: seen(error) };
  } finally {
    await Promise.race([called((done) => pool.end(done)), new Promise((resolve) => setTimeout(resolve, 500))]);
  }
}

const theirs = (options: PoolOptions): Pool =>
  mysql.createPool({ ...options, host: topology.primary.host, port: topology.primary.port });
const ours = (options: PoolOptions): Pool =>
  createOurs(mesh, { ...(options as object), service: 'mysql', consistency: 'session', endTimeoutMs: 300 });

async function same(run: Scenario, options: PoolOptions = {}): Promise<void> {
  const wanted = await outcome(theirs, options, run);
  expect(await outcome(ours, options, run)).toEqual(wanted);
}

/**
 * Events come in any order: a connection finds its server, and may have to make a real one, after
 * it was acquired.
 */
const LAZY = 'in any order';

const SCENARIOS: Record<string, Scenario | [PoolOptions, Scenario]> = {
  'query with a callback': (pool) => called((done) => pool.query('SELECT * FROM t', done)),
  'query with values': (pool) => called((done) => pool.query('SELECT v FROM t WHERE id = ?', [2], done)),
  'query with options': (pool) =>
    called((done) => pool.query({ sql: 'SELECT v FROM t WHERE id = ?', values: [2] }, done)),
  'query with options and values': (pool) =>
    called((done) => pool.query({ sql: 'SELECT ? AS a', rowsAsArray: true }, ['x'], done)),
  nestTables: (pool) => called((done) => pool.query({ sql: 'SELECT * FROM t', nestTables: true }, done)),
  'nestTables with a separator': (pool) =>
    called((done) => pool.query({ sql: 'SELECT * FROM t', nestTables: '_' }, done)),
  'an insert': (pool) => called((done) => pool.query("INSERT INTO t (v) VALUES ('x')", done)),
  'an update that changes nothing': (pool) => called((done) => pool.query('UPDATE t SET v = v', done)),
  'an error of syntax': (pool) => called((done) => pool.query('SELEC 1', done)),
  'a duplicate key': (pool) => called((done) => pool.query('INSERT INTO t (id) VALUES (1)', done)),
  'an unknown table': (pool) => called((done) => pool.execute('SELECT * FROM nowhere', done)),
  'execute with values': (pool) => called((done) => pool.execute('SELECT v FROM t WHERE id > ?', [1], done)),
  'execute with options': (pool) =>
    called((done) => pool.execute({ sql: 'SELECT v FROM t WHERE id > ?', values: [1], rowsAsArray: true }, done)),
  'execute with an undefined parameter': async (_, promise) => promise.execute('SELECT ?', [undefined as never]),
  'execute with too few parameters': async (_, promise) => promise.execute('SELECT ?, ?', [1]),
  'types of columns': (pool) =>
    called((done) =>
      pool.query(
        "SELECT 1 a, 1.5 b, CAST(1.5 AS DECIMAL(5,2)) c, 'x' d, NULL e, NOW() - NOW() f, CAST('2020-01-02 03:04:05' AS DATETIME) g, " +
          "CAST('2020-01-02' AS DATE) h, CAST('03:04:05' AS TIME) i, CAST('{\"a\":1}' AS JSON) j, X'00FF' k, 9007199254740993 l, TRUE m",
        done,
      ),
    ),
  'the same, prepared': (pool) =>
    called((done) =>
      pool.execute(
        "SELECT 1 a, 1.5 b, CAST(1.5 AS DECIMAL(5,2)) c, 'x' d, NULL e, CAST('2020-01-02 03:04:05' AS DATETIME) g, " +
          "CAST('2020-01-02' AS DATE) h, CAST('03:04:05' AS TIME) i, CAST('{\"a\":1}' AS JSON) j, X'00FF' k, 9007199254740993 l",
        done,
      ),
    ),
  'dateStrings, big numbers, decimals': [
    { dateStrings: true, supportBigNumbers: true, bigNumberStrings: true, decimalNumbers: true, timezone: '+02:00' },
    (pool) =>
      called((done) => pool.query("SELECT CAST('2020-01-02 03:04:05' AS DATETIME) g, 9007199254740993 l, 1.5 b", done)),
  ],
  'a time zone': [
    { timezone: '+05:00' },
    (pool) =>
      called((done) => pool.query("SELECT CAST('2020-01-02 03:04:05' AS DATETIME) g, ? h", [new Date(0)], done)),
  ],
  jsonStrings: [
    { jsonStrings: true },
    (pool) => called((done) => pool.query('SELECT CAST(\'{"a":1}\' AS JSON) j', done)),
  ],
  'typeCast of the pool': [
    { typeCast: (field, next) => (field.type === 'VAR_STRING' ? `<${field.string()}>` : next()) },
    (pool) => called((done) => pool.query('SELECT * FROM t', done)),
  ],
  'rowsAsArray of the pool': [{ rowsAsArray: true }, (pool) => called((done) => pool.query('SELECT * FROM t', done))],
  'named placeholders of the pool': [
    { namedPlaceholders: true },
    async (pool, promise) => [
      await called((done) => pool.query('SELECT :a AS a, :b AS b', { a: 1, b: 'x' } as never, done)),
      await promise.execute('SELECT :a AS a', { a: 1 }),
    ],
  ],
  'several statements': [
    { multipleStatements: true },
    (pool) => called((done) => pool.query("SELECT 1; UPDATE t SET v = 'y'; SELECT 2", done)),
  ],
  'several statements that are not allowed': (pool) => called((done) => pool.query('SELECT 1; SELECT 2', done)),
  'a query timeout': (pool) => called((done) => pool.query({ sql: 'SELECT SLEEP(2)', timeout: 50 }, done)),
  'an unknown database': [{ database: 'nowhere' }, async (_, promise) => promise.query('SELECT 1')],
  'a wrong password': [{ password: 'wrong' }, async (_, promise) => promise.query('SELECT 1')],
  'escape, escapeId and format': (pool, promise) => [
    ...[null, undefined, 1, true, "it's", new Date(0), [1, [2, 'a']], { a: 1 }, Buffer.from('ab'), 1n].map((value) => [
      pool.escape(value),
      promise.escape(value),
    ]),
    ...['a', 'a.b', 'a`b'].map((id) => [pool.escapeId(id), promise.escapeId(id)]),
    pool.escapeId(['a', 'b.c']),
    pool.format('SELECT ?? FROM ? WHERE ?', ['a', 1, { b: 2 }]),
    promise.format('?', ['x']),
  ],
  'stringifyObjects and a time zone in escape': [
    { stringifyObjects: true, timezone: 'Z' },
    (pool) => [pool.escape({ a: 1 }), pool.format('?', [new Date(0)])],
  ],
  'a query without a callback': (pool) =>
    new Promise((resolve) => {
      const events: unknown[] = [];
      const command = pool.query('SELECT * FROM t');
      for (const name of ['fields', 'result', 'error', 'end']) {
        command.on(name, (...args: unknown[]) => {
          events.push([name, args[0]]);
          if (name === 'end') resolve(events);
        });
      }
    }),
  'a failing query without a callback': (pool) =>
    new Promise((resolve) => {
      const events: unknown[] = [];
      const command = pool.query('SELEC 1');
      for (const name of ['fields', 'result', 'error', 'end']) {
        command.on(name, (...args: unknown[]) => {
          events.push([name, args[0]]);
          if (name === 'end') resolve(events);
        });
      }
    }),
  'a stream': async (pool) => {
    const rows: unknown[] = [];
    for await (const row of pool.query('SELECT * FROM t').stream({ highWaterMark: 1 })) rows.push(row);
    return rows;
  },
  'a stream of a connection': async (pool) => {
    const connection = await connectionOf(pool);
    const rows: unknown[] = [];
    for await (const row of connection.query('SELECT * FROM t').stream()) rows.push(row);
    connection.release();
    return rows;
  },
  'a stream of a prepared statement': async (pool) => {
    const connection = await connectionOf(pool);
    const rows: unknown[] = [];
    for await (const row of (
      connection.execute('SELECT * FROM t WHERE id > ?', [1]) as never as typeof stream
    ).stream()) {
      rows.push(row);
    }
    connection.release();
    return rows;
  },
  'a stream that fails': async (pool) => {
    for await (const _ of pool.query('SELEC 1').stream());
  },
  'events of a query': (pool) => events(pool, () => called((done) => pool.query('SELECT 1', done)), LAZY),
  'events of execute': (pool) => events(pool, () => called((done) => pool.execute('SELECT 1', done)), LAZY),
  'events of a stream': (pool) =>
    events(
      pool,
      async () => {
        for await (const _ of pool.query('SELECT * FROM t').stream());
      },
      LAZY,
    ),
  'events of getConnection': (pool) =>
    events(
      pool,
      async () => {
        const connection = await connectionOf(pool);
        await called((done) => connection.query('SELECT 1', done));
        connection.release();
        connection.release();
      },
      LAZY,
    ),
  'events of a connection that is destroyed': (pool) =>
    events(
      pool,
      async () => {
        const connection = await connectionOf(pool);
        await called((done) => connection.query('SELECT 1', done));
        connection.destroy();
      },
      LAZY,
    ),
  'columns of a connection that was given back': async (pool) => {
    const connection = await connectionOf(pool);
    await called((done) => connection.query('DO 1', done));
    connection.release();
    return called((done) => pool.query('SELECT v FROM t', done));
  },
  'events of the promise pool': (_, promise) =>
    events(
      promise,
      async () => {
        await promise.query('SELECT 1');
        const connection = await promise.getConnection();
        await connection.query('SELECT 2');
        connection.release();
      },
      LAZY,
    ),
  'pause and resume of a connection': async (_, promise) => {
    const connection = await promise.getConnection();
    await connection.query('SELECT 1');
    connection.pause();
    setTimeout(() => connection.resume(), 20);
    const result = await Promise.race([
      connection.query('SELECT 2 AS b'),
      new Promise((resolve) => setTimeout(resolve, 2_000, 'hangs')),
    ]);
    const helpers = [connection.escape('a'), connection.escapeId('b'), connection.format('?', [1]), connection.state];
    connection.release();
    return [result, helpers];
  },
  'a rolled back transaction': async (_, promise) => {
    const connection = await promise.getConnection();
    await connection.beginTransaction();
    await connection.query("INSERT INTO t (v) VALUES ('tx')");
    await connection.rollback();
    const [rows] = await connection.query('SELECT COUNT(*) AS n FROM t');
    connection.release();
    return rows;
  },
  'a committed transaction with savepoints': async (pool, promise) => {
    const connection = await promise.getConnection();
    await connection.beginTransaction();
    await connection.query("INSERT INTO t (v) VALUES ('a')");
    await connection.query('SAVEPOINT s');
    await connection.query("INSERT INTO t (v) VALUES ('b')");
    await connection.query('ROLLBACK TO SAVEPOINT s');
    await connection.commit();
    connection.release();
    return called((done) => pool.query('SELECT v FROM t ORDER BY id', done));
  },
  'prepare, execute, close, unprepare': async (_, promise) => {
    const connection = await promise.getConnection();
    const statement = await connection.prepare('SELECT v FROM t WHERE id = ?');
    const results = [await statement.execute([1]), await statement.execute([3])];
    await statement.close();
    connection.unprepare('SELECT 1');
    connection.release();
    return results;
  },
  'prepare of a mistake': async (_, promise) => {
    const connection = await promise.getConnection();
    try {
      return await connection.prepare('SELEC');
    } finally {
      connection.release();
    }
  },
  'ping, reset, changeUser': async (_, promise) => {
    const connection = await promise.getConnection();
    await connection.query('SET @a = 1');
    const results = [await connection.ping(), await connection.reset(), await connection.query('SELECT @a')];
    await connection.changeUser({ database: 'information_schema' });
    results.push(await connection.query('SELECT DATABASE() AS d'));
    connection.release();
    return results;
  },
  'what a released connection answers': async (pool) => {
    const connection = await connectionOf(pool);
    connection.release();
    return called((done) => connection.query('SELECT 1', done));
  },
  'a destroyed connection': async (pool) => {
    const connection = await connectionOf(pool);
    await called((done) => connection.query('SELECT 1', done));
    connection.destroy();
    return called((done) => pool.query('SELECT 2 AS b', done));
  },
  releaseConnection: async (pool, promise) => {
    pool.releaseConnection(await connectionOf(pool));
    promise.releaseConnection(await promise.getConnection());
    return called((done) => pool.query('SELECT 1', done));
  },
  'callbacks where promises are: refused': async (_, promise) => promise.query('SELECT 1', (() => {}) as never),
  'no connection, and no waiting': [
    { connectionLimit: 1, waitForConnections: false },
    async (pool, promise) => {
      const connection = await connectionOf(pool);
      await called((done) => connection.query('SELECT 1', done));
      const hold = called((done) => connection.query('SELECT SLEEP(0.3)', done));
      await new Promise((resolve) => setTimeout(resolve, 50));
      const error = await promise.query('SELECT 2').catch((thrown: Error) => thrown.message);
      await hold;
      connection.release();
      return error;
    },
  ],
  'a full queue': [
    { connectionLimit: 1, queueLimit: 1 },
    async (_, promise) => {
      const results = await Promise.allSettled([1, 2, 3, 4].map(() => promise.query('SELECT SLEEP(0.05)')));
      return results.map((each) => (each.status === 'rejected' ? (each.reason as Error).message : 'done')).sort();
    },
  ],
  enqueue: [
    { connectionLimit: 1 },
    async (pool) => {
      let enqueued = 0;
      await called((done) => pool.query('SELECT 1', done));
      pool.on('enqueue', () => enqueued++);
      await Promise.all([1, 2, 3].map(() => called((done) => pool.query('SELECT SLEEP(0.05)', done))));
      return enqueued;
    },
  ],
  'a pool that is closed': async (pool, promise) => {
    await called((done) => pool.query('SELECT 1', done));
    await promise.end();
    const message = (error: unknown): string => (error as Error).message;
    return [
      message(await promise.query('SELECT 1').catch((error: unknown) => error)),
      message(await promise.getConnection().catch((error: unknown) => error)),
      message((await called((done) => pool.execute('SELECT 1', done)))[0]),
    ];
  },
  disposal: async (pool, promise) => {
    await promise.query('SELECT 1');
    await promise[Symbol.asyncDispose]();
    await promise[Symbol.asyncDispose]();
    return (pool as never as { _closed: boolean })._closed;
  },
  config: (pool) => {
    const { connectionLimit, maxIdle, idleTimeout, queueLimit, waitForConnections, resetOnRelease } = pool.config;
    const { connectionConfig } = pool.config as unknown as { connectionConfig: Record<string, unknown> };
    const { user, database, charsetNumber, clientFlags, timezone, typeCast, multipleStatements } = connectionConfig;
    return {
      ...{ connectionLimit, maxIdle, idleTimeout, queueLimit, waitForConnections, resetOnRelease },
      ...{ user, database, charsetNumber, clientFlags, timezone, typeCast, multipleStatements },
    };
  },
  'a listener of connection that sets it up': async (pool, promise) => {
    pool.on('connection', (connection) => connection.query("SET SESSION sql_mode = 'ANSI_QUOTES'"));
    return (await promise.query('SELECT @@sql_mode AS m'))[0];
  },
  'the command that query gives': (pool) => {
    const command = pool.query('SELECT ? AS a', [1], () => {}) as unknown as Record<string, unknown>;
    return [command.sql, command.values, typeof command.stream, typeof command.on, command.constructor.name];
  },
  'a server that says no to LOAD DATA LOCAL': (pool) =>
    called((done) => pool.query("LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE t", done)),
  'a procedure': async (pool) => {
    await called((done) => pool.query('DROP PROCEDURE IF EXISTS diff', done));
    await called((done) => pool.query('CREATE PROCEDURE diff() BEGIN SELECT 1 AS a; SELECT 2 AS b; END', done));
    return called((done) => pool.query('CALL diff()', done));
  },
};
declare const stream: { stream(): AsyncIterable<unknown> };

/** The names of the events while `act` runs, in order, and how many arguments each had. */
async function events(emitter: Pool | PromisePool, act: () => Promise<unknown>, inAnyOrder = ''): Promise<unknown> {
  const told: unknown[] = [];
  for (const name of ['connection', 'acquire', 'release', 'enqueue']) {
    (emitter as Pool).on(name, (...args: unknown[]) => told.push([name, args.length]));
  }
  await act();
  await new Promise((resolve) => setTimeout(resolve, 50));
  return inAnyOrder === '' ? told : told.map(String).sort();
}

describe('beside mysql2’s pool on one server', () => {
  it.each(Object.entries(SCENARIOS))('gives the same: %s', async (_, scenario) => {
    if (Array.isArray(scenario)) await same(scenario[1], scenario[0]);
    else await same(scenario);
  });
});

/** Names without an underscore of an object and its prototypes, with the type of each. */
function surface(value: object): Record<string, string> {
  const names: Record<string, string> = {};
  for (let at = value; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at) as object) {
    for (const name of Reflect.ownKeys(at)) {
      const text = String(name);
      if (text.startsWith('_') || text === 'constructor') continue;
      try {
        names[text] ??= typeof (value as Record<string | symbol, unknown>)[name];
      } catch {
        names[text] = 'throws';
      }
    }
  }
  return names;
}

/**
 * What mysql2's objects have and ours leave out: the inside of a client, and the side of a server.
 */
const LEFT_OUT: ReadonlySet<string> = new Set([
  ...['serverCapabilityFlags', 'sequenceId', 'compressedSequenceId', 'packetParser', 'connectTimeout', 'fatalError'],
  ...['clientEncoding', 'serverEncoding', 'lastActiveTime', 'connectionId', 'write', 'writePacket', 'startTLS'],
  ...['protocolError', 'handlePacket', 'addCommand', 'raw', 'createBinlogStream', 'writeColumns', 'writeTextRow'],
  ...['writeBinaryRow', 'writeTextResult', 'writeEof', 'writeOk', 'writeError', 'serverHandshake'],
  // Null until the first statement has found its server.
  'threadId',
]);

describe('the members of mysql2', () => {
  it.each([
    ['Pool', (pool: Pool) => pool],
    ['PromisePool', (pool: Pool) => pool.promise()],
    ['PoolConnection', (pool: Pool) => connectionOf(pool)],
    ['PromisePoolConnection', async (pool: Pool) => (await connectionOf(pool)).promise()],
  ] as [string, (pool: Pool) => object | Promise<object>][])('are there on %s', async (_, get) => {
    const options = { ...SQL_USERS.app, database: topology.database };
    const [a, b] = [theirs(options), ours(options)];
    const [wanted, found] = [surface(await get(a)), surface(await get(b))];
    const missing = Object.entries(wanted).filter(([name, type]) => found[name] !== type && !LEFT_OUT.has(name));
    expect(missing).toEqual([]);
    a.end(() => {});
    b.end(() => {});
  });
});
