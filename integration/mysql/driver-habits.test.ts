import { tracingChannel } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { createMesh, staticResolver, systemClock } from 'fairlead';
import { createDriver } from 'fairlead/mysql';
import type { Connection, PoolConnection, RowDataPacket } from 'mysql2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cutConnection } from '../../adapters/mysql/connections/physical.js';
import { type DriverConnection, openConnection, type QueryCommand } from '../../adapters/mysql/driver/driver.js';
import { type Mysql, SQL_USERS, type SqlTopology, startMysql, until } from '../harness/index.js';
import { endpointsOf, poolOver } from './support.js';

let topology: SqlTopology<Mysql>;
beforeAll(async () => {
  topology = await startMysql({ replicas: 0 });
});
afterAll(() => topology?.[Symbol.asyncDispose]());

describe('a connection that is lost while a query with a timeout is under way', () => {
  const asked = async (): Promise<{ connection: DriverConnection; command: QueryCommand; heard: unknown[] }> => {
    const { host, port } = topology.primary;
    const options = { host, port, ...SQL_USERS.app, database: 'test' };
    const connection = openConnection(options, systemClock).on('error', () => {}) as DriverConnection;
    await once(connection, 'connect');
    const heard: unknown[] = [];
    const command = connection.query({ sql: 'SELECT SLEEP(20)', timeout: 700 }, [], (error) => heard.push(error));
    while (!command.queryTimeout) await pause(5);
    expect(command.queryTimeout.hasRef()).toBe(true);
    return { connection, command, heard };
  };

  it('says so once, and leaves no timer', async () => {
    const { connection, heard } = await asked();
    connection.stream!.destroy!(Object.assign(new Error('lost'), { code: 'ECONNRESET' }));
    await pause(1_000);
    expect(heard).toMatchObject([{ code: 'ECONNRESET' }]);
  });

  it('does not keep the process where nobody is told', async () => {
    const { connection, command, heard } = await asked();
    cutConnection(connection);
    while (command.queryTimeout?.hasRef()) await pause(5);
    expect(heard).toEqual([]);
    // Nobody else tells whoever waits for it.
    await pause(1_000);
    expect(heard).toMatchObject([{ code: 'PROTOCOL_SEQUENCE_TIMEOUT' }]);
  });
});

describe('what users of mysql2 are used to', () => {
  it.each([
    ['connects', SQL_USERS.app.password, 'connect'],
    ['says that the password is wrong', 'wrong', 'ER_ACCESS_DENIED_ERROR'],
  ])('a connection of a driver %s', async (_, password, expected) => {
    await using mesh = createMesh({ resolver: staticResolver({ mysql: endpointsOf(topology) }) });
    const driver = createDriver(mesh, { service: 'mysql', ...SQL_USERS.app, password, acquireTimeoutMs: 5_000 });
    const connection = (driver.createConnection as () => Connection)();
    const happened = await new Promise((resolve) => {
      connection.on('connect', () => resolve('connect'));
      connection.on('error', (error: { code: string }) => resolve(error.code));
    });
    expect(happened).toBe(expected);
    connection.end();
  });

  it.each(['end', 'destroy', 'close'] as const)('nothing is left after %s() of the last connection', async (way) => {
    await using mesh = createMesh({ resolver: staticResolver({ mysql: endpointsOf(topology) }) });
    const driver = createDriver(mesh, { service: 'mysql', ...SQL_USERS.app });
    const [one, other] = [1, 2].map(() => (driver.createConnection as () => Connection)());
    for (const each of [one!, other!]) await each.promise().query('SELECT 1');
    one![way as 'end']();
    one!.destroy();
    expect((await other!.promise().query('SELECT 2 AS two'))[0]).toEqual([{ two: 2 }]);
    other![way as 'end']();
    const users = "SELECT COUNT(*) AS n FROM information_schema.processlist WHERE user = 'app'";
    await until('no connection is left', async () => (await topology.primary.sql(users))[0]?.n === 0);
  });

  it('connect() calls back with the connection', async () => {
    await using cluster = poolOver(topology);
    const connection = await cluster.pool.getConnection();
    const core = (connection as unknown as { connection: { connect(done: (...given: unknown[]) => void): void } })
      .connection;
    expect(await new Promise((resolve) => core.connect((...given) => resolve(given)))).toEqual([null, core]);
    connection.release();
  });

  it('a destroyed connection is disconnected', async () => {
    await using cluster = poolOver(topology);
    const connection = await cluster.pool.getConnection();
    const { state } = connection as unknown as { connection: { state: string } } & { state: string };
    const core = (connection as unknown as { connection: { state: string } }).connection;
    expect([state ?? core.state, core.state]).toEqual(['authenticated', 'authenticated']);
    connection.destroy();
    expect(core.state).toBe('disconnected');
  });

  it('named placeholders may be switched on for one connection', async () => {
    await using cluster = poolOver(topology);
    const [one, other] = [await cluster.pool.getConnection(), await cluster.pool.getConnection()];
    (one.config as { namedPlaceholders?: boolean }).namedPlaceholders = true;
    for (const method of ['query', 'execute'] as const) {
      const ask = (of: unknown): Promise<unknown[]> =>
        (of as Record<string, (sql: string, values: object) => Promise<unknown[]>>)[method]!('SELECT :a AS a', {
          a: 'x',
        });
      expect((await ask(one))[0]).toEqual([{ a: 'x' }]);
      await expect(ask(other)).rejects.toThrow();
    }
    for (const each of [one, other]) each.release();
  });

  it('a LOAD DATA LOCAL whose stream fails has loaded what came before, and says that it may have', async () => {
    await topology.primary.sql('SET GLOBAL local_infile = ON');
    await using cluster = poolOver(topology);
    const load = (rows: number): Promise<unknown> => {
      const failing = Readable.from(
        (function* () {
          for (let i = 0; i < rows; i++) yield Buffer.from('loaded\n');
          throw new Error('the disk is gone');
        })(),
      );
      const sql = "LOAD DATA LOCAL INFILE 'rows' INTO TABLE t (v)";
      return cluster.pool.query({ sql, infileStreamFactory: () => failing }).catch((error: unknown) => error);
    };
    expect(await load(3)).toMatchObject({ message: 'the disk is gone', ambiguous: true });
    const [rows] = await cluster.pool.query<RowDataPacket[]>("SELECT COUNT(*) AS n FROM t WHERE v = 'loaded'");
    expect(rows[0]!.n).toBe(3);
    const nothing = await load(0);
    expect(nothing).toMatchObject({ message: 'the disk is gone' });
    expect(nothing).not.toHaveProperty('ambiguous');
  });

  it("takes 'utc' for a time zone", async () => {
    await using cluster = poolOver(topology, { timezone: 'utc' });
    const [rows] = await cluster.pool.query<RowDataPacket[]>("SELECT CAST('2026-01-02 03:04:05' AS DATETIME) AS at");
    expect(rows[0]!.at).toEqual(new Date('2026-01-02T03:04:05Z'));
  });

  it('traces the wait for a connection as mysql2 does', async () => {
    await using cluster = poolOver(topology);
    const seen: string[] = [];
    const channel = tracingChannel('mysql2:pool:connect');
    const subscribers = { start: () => seen.push('start'), asyncStart: () => seen.push('asyncStart') };
    channel.subscribe(subscribers as never);
    try {
      const connection = (await cluster.pool.getConnection()) as unknown as PoolConnection;
      connection.release();
    } finally {
      channel.unsubscribe(subscribers as never);
    }
    expect(seen).toEqual(['start', 'asyncStart']);
  });
});
