import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createPool } from 'fairlead/mysql/promise';
import { createConnection, type ResultSetHeader, type RowDataPacket } from 'mysql2/promise';
import { findProgram, freePort, Processes, type Program, runProgram } from './native.js';
import { type Neighbour, type NeighbourContext, NotHere, register } from './neighbour.js';

const SERVERS = ['orders-a', 'orders-b'];
const SMALL = ['--innodb-buffer-pool-size=64M', '--innodb-redo-log-capacity=8M'];
const USER = { user: 'demo', password: 'demo' };

/** A primary and a replica: writes find the one, reads the other, and nobody reads the past. */
export async function startMysql({ mesh, registry }: NeighbourContext): Promise<Neighbour> {
  const tree = ['root-mysql', 'usr/sbin/mysqld', 'usr/lib/mysql/private'];
  const program = await findProgram('mysqld', /Ver (8\.[4-9]|9)\S* (?!.*MariaDB)/, tree);
  if (program === undefined) throw new NotHere('no mysqld 8.4 or 9 on this machine');
  const processes = new Processes('mysql');
  try {
    const ports = await startServers(program, processes);
    await register(registry, 'orders', Object.fromEntries(SERVERS.map((id, i) => [id, ports[i]!])));
    const pool = createPool(mesh, { service: 'orders', ...USER, database: 'demo' });
    await pool.query('CREATE TABLE orders (id INT AUTO_INCREMENT PRIMARY KEY, item VARCHAR(64))');
    return {
      title: 'orders (MySQL, a primary and a replica)',
      work: (i) =>
        pool.session(async () => {
          const [{ insertId }] = await pool.execute<ResultSetHeader>('INSERT INTO orders (item) VALUES (?)', [`i${i}`]);
          const [rows] = await pool.execute<RowDataPacket[]>('SELECT item FROM orders WHERE id = ?', [insertId]);
          if (rows[0]?.item !== `i${i}`) throw new Error('a read of the past');
        }),
      stop: async () => {
        await pool.end();
        await processes.stop();
      },
      stopNow: () => processes.stopNow(),
    };
  } catch (error) {
    await processes.stop();
    throw error;
  }
}

async function startServers(program: Program, processes: Processes): Promise<readonly number[]> {
  const { folder } = processes;
  const base = program.root === undefined ? [] : [`--basedir=${join(program.root, 'usr')}`];
  if (program.root !== undefined) {
    const share = join(program.root, 'usr/share/mysql');
    base.push(`--plugin-dir=${join(program.root, 'usr/lib/mysql/plugin')}`, `--lc-messages-dir=${share}`);
    base.push(`--character-sets-dir=${share}/charsets`);
  }
  // It refuses to run as root unless told in so many words.
  if (process.getuid?.() === 0) base.push('--user=root');
  const first = join(folder, SERVERS[0]!);
  await runProgram(program, ['--no-defaults', ...base, '--initialize-insecure', `--datadir=${first}`, ...SMALL]);
  // It holds the server's UUID; two with one would refuse to replicate from each other.
  await rm(join(first, 'auto.cnf'));
  await cp(first, join(folder, SERVERS[1]!), { recursive: true });
  const ports = [await freePort(), await freePort()];
  await Promise.all(
    SERVERS.map((name, i) => {
      const args = ['--no-defaults', ...base, ...SMALL, `--datadir=${join(folder, name)}`];
      args.push(`--socket=${join(folder, `${name}.sock`)}`, `--pid-file=${join(folder, `${name}.pid`)}`);
      args.push('--bind-address=127.0.0.1', `--port=${ports[i]}`, '--mysqlx=OFF', '--secure-file-priv=NULL');
      args.push(`--server-id=${i + 1}`, '--gtid-mode=ON', '--enforce-gtid-consistency=ON', '--log-bin=binlog');
      args.push('--session-track-gtids=OWN_GTID', '--innodb-flush-log-at-trx-commit=2', '--sync-binlog=0');
      return processes.start(program, args, ports[i]!);
    }),
  );
  const user = ["CREATE USER demo@'%' IDENTIFIED BY 'demo'", "GRANT ALL ON *.* TO demo@'%'"];
  for (const name of SERVERS) await asRoot(join(folder, `${name}.sock`), ['SET sql_log_bin = 0', ...user]);
  await asRoot(join(folder, `${SERVERS[1]}.sock`), [
    `CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT=${ports[0]}, SOURCE_USER='demo', SOURCE_PASSWORD='demo',
     SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1`,
    'START REPLICA',
    'SET GLOBAL super_read_only = ON',
  ]);
  await asRoot(join(folder, `${SERVERS[0]}.sock`), ['CREATE DATABASE demo']);
  return ports;
}

async function asRoot(socketPath: string, statements: readonly string[]): Promise<void> {
  const connection = await createConnection({ socketPath, user: 'root' });
  try {
    for (const statement of statements) await connection.query(statement);
  } finally {
    connection.destroy();
  }
}
