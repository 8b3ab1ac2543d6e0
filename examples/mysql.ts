import { createMesh, staticResolver } from 'fairlead';
import { createPool } from 'fairlead/mysql/promise';
import type { ResultSetHeader, RowDataPacket } from 'mysql2';

/**
 * One pool over a primary and its replicas: writes find the primary, reads the replicas, and nobody
 * reads the past. Needs a MySQL or MariaDB primary with GTID replicas, in any order, and a user who
 * may create a table.
 *
 *     MYSQL_SERVERS=127.0.0.1:3306,127.0.0.1:3307 MYSQL_USER=app MYSQL_PASSWORD=app MYSQL_DATABASE=test \
 *       npx tsx --conditions=fairlead-source examples/mysql.ts
 */
const {
  MYSQL_SERVERS = '127.0.0.1:3306',
  MYSQL_USER = 'app',
  MYSQL_PASSWORD = 'app',
  MYSQL_DATABASE = 'test',
  SESSION_SECRET = 'for this example only: 32 bytes or more',
} = process.env;

const mesh = createMesh({ resolver: staticResolver({ mysql: MYSQL_SERVERS.split(',') }) });
const pool = createPool(mesh, {
  service: 'mysql',
  user: MYSQL_USER,
  password: () => MYSQL_PASSWORD,
  database: MYSQL_DATABASE,
  // The same for all processes that share sessions.
  sessionKeys: [{ id: '2026-11', secret: SESSION_SECRET }],
});

for (const sql of ['SELECT * FROM orders', 'SELECT * FROM orders FOR UPDATE', 'DELETE FROM orders']) {
  const { target, reason } = pool.route(sql);
  console.log(`${sql}: ${target}, ${reason}`);
}

await pool.query('CREATE TABLE IF NOT EXISTS orders (id INT AUTO_INCREMENT PRIMARY KEY, item VARCHAR(64))');
const [{ insertId }] = await pool.execute<ResultSetHeader>('INSERT INTO orders (item) VALUES (?)', ['rope']);
const [rows] = await pool.execute<RowDataPacket[]>('SELECT item FROM orders WHERE id = ?', [insertId]);
console.log(`read back: ${rows[0]?.item}`);

// A transaction stays on one connection, as ever.
const connection = await pool.getConnection();
try {
  await connection.beginTransaction();
  await connection.execute('UPDATE orders SET item = ? WHERE id = ?', ['chain', insertId]);
  await connection.commit();
} finally {
  connection.release();
}

// Another process continues the session with this token: it reads nothing older than what was
// written or read here.
const token = pool.exportSession();
const item = await pool.session(async () => {
  const [seen] = await pool.execute<RowDataPacket[]>('SELECT item FROM orders WHERE id = ?', [insertId]);
  return seen[0]?.item as unknown;
}, token);
console.log(`the next process reads: ${item}`);

await pool.end();
await mesh.close();
