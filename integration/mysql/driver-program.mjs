// What a program does with its connections, over whatever mysql2 is installed beside it: one line of
// JSON for each thing, and one when all is over.
import { createMesh, staticResolver } from 'fairlead';
import { createPool as createCallbackPool } from 'fairlead/mysql';
import { createPool } from 'fairlead/mysql/promise';

const { DB_PORT, DB_NAME, DB_USER } = process.env;
const mesh = createMesh({ resolver: staticResolver({ mysql: [`127.0.0.1:${DB_PORT}`] }) });
const options = { service: 'mysql', user: DB_USER, password: DB_USER, database: DB_NAME };
const pool = createPool(mesh, options);
const resetting = createPool(mesh, { ...options, connectionLimit: 1, resetOnRelease: true });

const value = async (on, sql) => Object.values((await on.query(sql))[0][0])[0];
const withConnection = async (of, run) => {
  const connection = await of.getConnection();
  try {
    return await run(connection);
  } finally {
    connection.release();
  }
};

const scenes = {
  async 'a variable goes with its session'() {
    await withConnection(pool, (connection) => connection.query('SET @left = 1'));
    await pool.query('SET @left = 2');
    return withConnection(pool, async (connection) => {
      await connection.query('SET @mine = 7');
      return [await value(connection, 'SELECT @mine'), await value(connection, 'SELECT @left')];
    });
  },
  async 'resetOnRelease resets'() {
    await withConnection(resetting, (connection) => connection.query('SELECT 1'));
    return withConnection(resetting, (connection) => value(connection, 'SELECT 2'));
  },
  async 'an open transaction is rolled back'() {
    await withConnection(pool, async (connection) => {
      await connection.beginTransaction();
      await connection.query("INSERT INTO t (v) VALUES ('open')");
    });
    return value(pool, "SELECT COUNT(*) FROM t WHERE v = 'open'");
  },
  async 'reset() leaves nothing'() {
    return withConnection(pool, async (connection) => {
      await connection.query('SET @left = 3');
      await connection.reset();
      await connection.query('SET @mine = 8');
      return [await value(connection, 'SELECT @mine'), await value(connection, 'SELECT @left')];
    });
  },
  async 'a change of the user is for one session'() {
    const changed = await withConnection(pool, async (connection) => {
      await connection.changeUser({ user: 'probe', password: 'probe', database: 'information_schema' });
      return value(connection, 'SELECT USER()');
    });
    return [changed, await value(pool, 'SELECT USER()')].map((user) => user.split('@')[0]);
  },
  async 'statements are prepared'() {
    return withConnection(pool, async (connection) => {
      const statement = await connection.prepare('SELECT ? + 1 AS n');
      const [[row]] = await statement.execute([4]);
      await statement.close();
      const [[other]] = await connection.execute('SELECT ? AS n', [6]);
      return [row.n, other.n].map(Number);
    });
  },
  async 'a transaction commits'() {
    await pool.transaction((connection) => connection.query("INSERT INTO t (v) VALUES ('kept')"));
    return value(pool, "SELECT COUNT(*) FROM t WHERE v = 'kept'");
  },
  async 'a stream gives its rows, and callbacks are called'() {
    const callbacks = createCallbackPool(mesh, options);
    const rows = [];
    for await (const row of callbacks.query('SELECT 1 AS n UNION SELECT 2').stream()) rows.push(Number(row.n));
    const taken = await new Promise((resolve, reject) => {
      callbacks.getConnection((error, connection) => {
        if (error) reject(error);
        else
          connection.query('SET @left = 4', () => {
            connection.release();
            resolve('released');
          });
      });
    });
    await new Promise((resolve) => callbacks.end(resolve));
    return [...rows, taken];
  },
  async 'a statement is cancelled'() {
    return withConnection(pool, async (connection) => {
      const slow = connection.query(
        'SELECT COUNT(*) FROM information_schema.COLUMNS a, information_schema.COLUMNS b, information_schema.COLUMNS c',
      );
      setTimeout(() => connection.cancel(), 200);
      return slow.then(
        () => 'ran',
        ({ code }) => code,
      );
    });
  },
  async 'nothing is held'() {
    const held = () =>
      [pool, resetting].flatMap((each) => Object.values(each.stats()).map(({ busy, waiting }) => busy + waiting));
    for (let i = 0; i < 100 && held().some((n) => n > 0); i++) await new Promise((resolve) => setTimeout(resolve, 20));
    return held();
  },
};

for (const [name, run] of Object.entries(scenes)) {
  const result = await run().catch((error) => `${error.name} ${error.code ?? ''}: ${error.message}`);
  console.log(JSON.stringify([name, result]));
}
await Promise.all([pool.end(), resetting.end()]);
await mesh.close();
console.log(JSON.stringify(['ended', true]));
