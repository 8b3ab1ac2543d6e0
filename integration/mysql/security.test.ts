import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { createMesh, staticResolver } from 'fairlead';
import { type CreatePoolOptions, createPool as createCallbackPool } from 'fairlead/mysql';
import { authPlugins, type RowDataPacket } from 'mysql2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Certificates,
  type Mariadb,
  type Mysql,
  makeCertificates,
  type SqlServer,
  type SqlTopology,
  startMariadb,
  startMysql,
} from '../harness/index.js';
import { poolOver } from './support.js';

/** Words that must never be shown. */
const SECRETS = ['s3cret-Password', 's3cret-Old', 's3cret-Wrong', 'PRIVATE KEY'];

let certificates: Certificates;
let mysql: SqlTopology<Mysql>;
let mariadb: SqlTopology<Mariadb>;

/** On each server by itself: replicas refuse accounts that came by replication of the same name. */
async function everywhere(topology: SqlTopology<SqlServer>, sql: string): Promise<void> {
  const statement = `SET sql_log_bin = 0; ${sql}`;
  for (const server of topology.servers) {
    if (server !== topology.primary) await server.setReadOnly(false);
    await server.sql(statement);
    if (server !== topology.primary) await server.setReadOnly(true);
  }
}

/** Opens a pool, reads once, and gives what the server says of that connection. */
async function connectionOf(
  topology: SqlTopology<SqlServer>,
  options: Partial<CreatePoolOptions>,
): Promise<{ readonly user: string; readonly cipher: string }> {
  await using cluster = poolOver(topology, { acquireTimeoutMs: 3_000, ...options });
  const [users] = await cluster.pool.query<RowDataPacket[]>('SELECT CURRENT_USER() AS user');
  const [status] = await cluster.pool.query<RowDataPacket[]>({
    sql: "SHOW SESSION STATUS LIKE 'Ssl_cipher'",
    route: 'replica',
  });
  return { user: users[0]!.user as string, cipher: status[0]!.Value as string };
}

beforeAll(async () => {
  certificates = await makeCertificates();
  const { caFile, certFile, keyFile } = certificates;
  const args = [`--ssl-ca=${caFile}`, `--ssl-cert=${certFile}`, `--ssl-key=${keyFile}`];
  [mysql, mariadb] = await Promise.all([startMysql({ args, replicas: 1 }), startMariadb({ args, replicas: 1 })]);
  const users = ['plain', 'tls_only', 'rotating'].map(
    (user) =>
      `CREATE USER ${user}@'%' IDENTIFIED BY 's3cret-Password' ${user === 'tls_only' ? 'REQUIRE SSL' : ''}; ` +
      `GRANT SELECT, INSERT, UPDATE ON ${mysql.database}.* TO ${user}@'%'`,
  );
  // For the prober: may log in, and nothing else.
  users.push("CREATE USER watcher@'%' IDENTIFIED BY 's3cret-Password'");
  await everywhere(mysql, users.join(';'));
  await everywhere(mariadb, users.join(';'));
});
afterAll(async () => {
  await mysql?.[Symbol.asyncDispose]();
  await mariadb?.[Symbol.asyncDispose]();
});

describe.each([
  ['MySQL', () => mysql],
  ['MariaDB', () => mariadb],
] as [string, () => SqlTopology<SqlServer>][])('TLS to %s', (_, topology) => {
  const login = { user: 'tls_only', password: 's3cret-Password' };

  it('connects prober and pool to users that must use it', async () => {
    const seen = await connectionOf(topology(), { ...login, ssl: { ca: certificates.ca } });
    expect(seen).toEqual({ user: 'tls_only@%', cipher: expect.stringMatching(/^TLS_|^ECDHE/) as string });
  });

  it('refuses a server whose authority is not trusted, unless told not to look', async () => {
    await expect(connectionOf(topology(), { ...login, ssl: {}, acquireTimeoutMs: 500 })).rejects.toMatchObject({
      cause: { code: 'HANDSHAKE_SSL_ERROR' },
    });
    const seen = await connectionOf(topology(), { ...login, ssl: { rejectUnauthorized: false } });
    expect(seen.cipher).not.toBe('');
  });

  it('checks the name in the certificate where discovery gives addresses, by servername', async () => {
    const { ca, name } = certificates;
    const ssl = { ca, verifyIdentity: true, servername: name };
    expect((await connectionOf(topology(), { ...login, ssl })).cipher).not.toBe('');
    const wrong = { ...ssl, servername: 'another.example' };
    await expect(connectionOf(topology(), { ...login, ssl: wrong, acquireTimeoutMs: 500 })).rejects.toMatchObject({
      cause: { message: expect.stringContaining('another.example') as string },
    });
    const unnamed = { ca, verifyIdentity: true };
    await expect(connectionOf(topology(), { ...login, ssl: unnamed, acquireTimeoutMs: 500 })).rejects.toMatchObject({
      cause: { code: 'FAIRLEAD_INVALID_OPTION' },
    });
  });

  it('is refused in clear by users that must use it, at once and with the server’s reason', async () => {
    // A caller that waited would wait for ever.
    await expect(connectionOf(topology(), { ...login, acquireTimeoutMs: 0 })).rejects.toMatchObject({
      code: 'ER_ACCESS_DENIED_ERROR',
    });
  });
});

describe('authentication', () => {
  const login = { user: 'plain', password: 's3cret-Password' };

  it('exchanges passwords by RSA on MySQL without TLS, by a plugin of the user’s where given', async () => {
    // Nothing of an earlier login is left in the server's cache, which would need no full exchange.
    for (const server of mysql.servers) await server.sql('FLUSH PRIVILEGES');
    let keys = 0;
    const plugin = authPlugins.caching_sha2_password({ onServerPublicKey: () => keys++ } as never);
    const seen = await connectionOf(mysql, { ...login, authPlugins: { caching_sha2_password: plugin } });
    expect(seen).toEqual({ user: 'plain@%', cipher: '' });
    expect(keys).toBeGreaterThan(0);
  });

  it('encrypts no password with a key that comes from another machine’s server, unless told to', async () => {
    // A name of this machine that does not look like one: the rule is about other machines.
    const [resolver, { port }] = [
      (host: string) => staticResolver({ mysql: [{ id: 'db0', host, port }] }),
      mysql.primary,
    ];
    const read = async (options: Partial<CreatePoolOptions>): Promise<unknown> => {
      await using mesh = createMesh({ resolver: resolver('127.1') });
      const pool = createCallbackPool(mesh, { service: 'mysql', ...login, ...options }).promise();
      return await pool.query('SELECT 1').finally(() => pool.end());
    };
    await mysql.primary.sql('FLUSH PRIVILEGES');
    const error = (await read({}).catch((thrown: unknown) => thrown)) as Error;
    expect(error).toMatchObject({ code: 'AUTH_SWITCH_PLUGIN_ERROR' });
    expect(error.message).toContain("Server 'db0' (127.1:");
    expect(error.message).toContain('allowPublicKeyRetrieval: true');
    await read({ allowPublicKeyRetrieval: true });
    // From its cache the server knows the password now: nothing needs to be encrypted.
    await read({});
  });

  it('logs in by mysql_native_password on MariaDB', async () => {
    const [row] = await mariadb.primary.sql<{ plugin: string }>("SELECT plugin FROM mysql.user WHERE user = 'plain'");
    expect(row?.plugin).toBe('mysql_native_password');
    expect((await connectionOf(mariadb, login)).user).toBe('plain@%');
  });

  it('hands a switch of plugins to authSwitchHandler', async () => {
    await everywhere(mysql, "CREATE USER switched@'%' IDENTIFIED WITH sha256_password BY 's3cret-Password'");
    await everywhere(mysql, `GRANT SELECT ON ${mysql.database}.* TO switched@'%'`);
    const switches: string[] = [];
    const authSwitchHandler = (
      { pluginName }: { pluginName: string },
      answer: (error: unknown, data?: Buffer) => void,
    ) => {
      switches.push(pluginName);
      // Over TLS the password itself is the answer.
      answer(null, Buffer.from('s3cret-Password\0'));
    };
    const seen = await connectionOf(mysql, {
      user: 'switched',
      password: 's3cret-Password',
      ssl: { ca: certificates.ca },
      authSwitchHandler: authSwitchHandler as never,
    });
    expect(seen.user).toBe('switched@%');
    expect(new Set(switches)).toEqual(new Set(['sha256_password']));
  });

  it('changes the user of a connection, with the password of the pool or another', async () => {
    await using cluster = poolOver(mysql, login);
    const connection = await cluster.pool.getConnection();
    const user = async (): Promise<unknown> => {
      const [rows] = await connection.query<RowDataPacket[]>('SELECT CURRENT_USER() AS user, DATABASE() AS db');
      return rows[0];
    };
    await connection.query('UPDATE t SET v = v WHERE id = 0');
    await connection.changeUser({ database: 'information_schema' });
    expect(await user()).toEqual({ user: 'plain@%', db: 'information_schema' });
    await connection.changeUser({ user: 'rotating', password: 's3cret-Password', database: mysql.database });
    expect(await user()).toEqual({ user: 'rotating@%', db: mysql.database });
    connection.release();
    for (let i = 0; i < 5; i++) {
      const [rows] = await cluster.pool.query<RowDataPacket[]>('SELECT CURRENT_USER() AS user');
      expect(rows).toEqual([{ user: 'plain@%' }]);
    }
  });

  it('says so, and goes on, where the server wants a plugin that the driver lacks', async () => {
    await mariadb.primary.sql("INSTALL SONAME 'auth_ed25519'");
    for (const server of mariadb.replicas) await server.sql("INSTALL SONAME 'auth_ed25519'").catch(() => {});
    await everywhere(mariadb, "CREATE USER modern@'%' IDENTIFIED VIA ed25519 USING PASSWORD('s3cret-Password')");
    const options = { user: 'modern', password: 's3cret-Password', acquireTimeoutMs: 500 };
    const error = (await connectionOf(mariadb, options).catch((thrown: unknown) => thrown)) as Error;
    expect(inspect(error, { depth: 5 })).toContain('client_ed25519');
  });
});

describe('a password from a function', () => {
  it('may change while the pool works', async () => {
    let password = 's3cret-Password';
    await using cluster = poolOver(mysql, {
      user: 'rotating',
      password: async () => password,
      acquireTimeoutMs: 3_000,
    });
    await cluster.pool.query('SELECT 1');
    await everywhere(mysql, "ALTER USER rotating@'%' IDENTIFIED BY 's3cret-Old2' RETAIN CURRENT PASSWORD");
    password = 's3cret-Old2';
    for (const server of mysql.servers) {
      const rows = await server.sql<{ id: number }>(
        "SELECT ID AS id FROM information_schema.PROCESSLIST WHERE USER = 'rotating'",
      );
      for (const { id } of rows) await server.sql(`KILL ${id}`).catch(() => {});
    }
    await everywhere(mysql, "ALTER USER rotating@'%' DISCARD OLD PASSWORD");
    await cluster.pool.query('SELECT 1');
    await cluster.pool.query('UPDATE t SET v = v WHERE id = 0');
    await everywhere(mysql, "ALTER USER rotating@'%' IDENTIFIED BY 's3cret-Password'");
  });

  it('that cannot be had fails calls that need a new connection, ejects nobody, and is asked again', async () => {
    let sealed = true;
    const password = (): string => {
      if (sealed) throw new Error('The vault is sealed.');
      return 's3cret-Password';
    };
    await using cluster = poolOver(mysql, {
      user: 'rotating',
      password,
      probeUser: { user: 'watcher', password: 's3cret-Password' },
      acquireTimeoutMs: 1_000,
    });
    for (let i = 0; i < 20; i++) {
      await expect(cluster.pool.query('SELECT 1')).rejects.toMatchObject({
        code: 'FAIRLEAD_NO_CONNECTION',
        cause: { message: 'The vault is sealed.' },
      });
    }
    expect(cluster.mesh.service('mysql').endpoints.map(({ state }) => state)).toEqual(['ready', 'ready']);
    sealed = false;
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    await cluster.pool.query('SELECT 1');
  });
});

describe('secrets', () => {
  const options = { showHidden: true, depth: 20, customInspect: false } as const;
  const shown = (value: unknown): string => {
    const seen = new WeakSet<object>();
    const json = JSON.stringify(value, (_key, each: unknown) => {
      if (typeof each === 'bigint') return String(each);
      if (typeof each !== 'object' || each === null) return each;
      if (seen.has(each)) return '[seen]';
      seen.add(each);
      return each;
    });
    return [json, inspect(value), inspect(value, options), value instanceof Error ? value.stack : ''].join('\n');
  };

  it.each([
    ['a string', 's3cret-Wrong'],
    ['a function', () => 's3cret-Wrong'],
    ['an async function', async () => 's3cret-Wrong'],
  ])('are in nothing that is printed when the login is refused, with %s for a password', async (_, password) => {
    await using mesh = createMesh({
      resolver: staticResolver({ mysql: [{ id: 'db0', host: mysql.primary.host, port: mysql.primary.port }] }),
    });
    const pool = createCallbackPool(mesh, { service: 'mysql', user: 'plain', password });
    const error = await pool
      .promise()
      .query('SELECT 1')
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'ER_ACCESS_DENIED_ERROR' });
    for (const each of [error, pool, pool.config, pool.promise(), mesh, mesh.service('mysql').endpoints]) {
      for (const secret of SECRETS) expect(shown(each)).not.toContain(secret);
    }
    await new Promise<void>((resolve) => pool.end(() => resolve()));
  });

  it('are in nothing that is printed of a pool at work', async () => {
    await using mesh = createMesh({
      resolver: staticResolver({ mysql: [{ id: 'db0', host: mysql.primary.host, port: mysql.primary.port }] }),
    });
    const { ca, certFile, keyFile } = certificates;
    const [cert, key] = [readFileSync(certFile, 'utf8'), readFileSync(keyFile, 'utf8')];
    const pool = createCallbackPool(mesh, {
      service: 'mysql',
      user: 'plain',
      password: 's3cret-Password',
      ssl: { ca, cert, key },
      probeUser: { user: 'plain', password: 's3cret-Password' },
    });
    const physical: unknown[] = [];
    pool.on('connection', (each) => physical.push(each));
    const connection = await new Promise<{ query: typeof pool.query; release(): void }>((resolve, reject) =>
      pool.getConnection((error, each) => (error ? reject(error) : resolve(each as never))),
    );
    // Not resolved with the command itself: it has a `then` that tells callers of the wrong API.
    const [command] = await new Promise<unknown[]>((resolve) => {
      const sent: unknown = connection.query('SELECT 1', () => resolve([sent]));
    });
    const failure = await new Promise<unknown>((resolve) => connection.query('SELEC 1', resolve));
    expect(physical.length).toBeGreaterThan(0);
    for (const each of [...physical, connection, command, failure, pool, pool.promise(), mesh]) {
      for (const secret of SECRETS) expect(shown(each)).not.toContain(secret);
    }
    connection.release();
    await new Promise<void>((resolve) => pool.end(() => resolve()));
  });
});
