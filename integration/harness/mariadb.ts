import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { chooseBackend } from './backend.js';
import { sqlServersInContainers } from './container/sql-servers.js';
import type { SqlOptions } from './mysql.js';
import { fetchPackages } from './native/fetch.js';
import { NativeProcess } from './native/process.js';
import { programIn } from './native/program.js';
import { copyTemplate, templateOf } from './native/template.js';
import { freePort } from './ports.js';
import { SQL_USERS, SqlServer, type SqlServerParts, SqlTopology } from './sql-server.js';

const HOST = '127.0.0.1';
const PACKAGES = { name: 'mariadb', suite: 'bookworm', packages: ['mariadb-server', 'mariadb-client'] };

/**
 * What fills an empty system database, in order; the same files that mariadb-install-db feeds to
 * the server.
 */
const SYSTEM_SQL = [
  'mysql_system_tables.sql',
  'mysql_performance_tables.sql',
  'mysql_system_tables_data.sql',
  'fill_help_tables.sql',
  'maria_add_gis_sp_bootstrap.sql',
  'mysql_sys_schema.sql',
];

/**
 * MariaDB cannot persist a variable, so what a restart needs to know is kept here.
 */
interface Settings {
  readOnly: boolean;
}

/** A MariaDB 10.11 server. */
export class Mariadb extends SqlServer {
  readonly #settings: Settings;

  constructor(parts: SqlServerParts & { readonly settings: Settings }) {
    super(parts);
    this.#settings = parts.settings;
  }

  /** The command of a container stands fast: there a restart is told anew. */
  protected override async ready(): Promise<void> {
    await super.ready();
    if (this.#settings.readOnly) await this.sql('SET GLOBAL read_only = ON');
  }

  protected override probeRights(): readonly string[] {
    return ['REPLICATION CLIENT, SLAVE MONITOR ON *.*'];
  }

  async setReadOnly(on: boolean): Promise<void> {
    this.#settings.readOnly = on;
    await this.sql(`SET GLOBAL read_only = ${on ? 'ON' : 'OFF'}`);
  }

  async replicateFrom(source: SqlServer): Promise<void> {
    const { user, password } = SQL_USERS.replication;
    await this.sql(
      `STOP SLAVE; CHANGE MASTER TO MASTER_HOST='${source.peerHost}', MASTER_PORT=${source.peerPort}, MASTER_USER='${user}',
       MASTER_PASSWORD='${password}', MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1, MASTER_HEARTBEAT_PERIOD=1; START SLAVE`,
    );
  }

  async stopReplication(): Promise<void> {
    await this.sql('STOP SLAVE; RESET SLAVE ALL');
  }

  async position(): Promise<string> {
    const [row] = await this.sql<{ gtids: string }>('SELECT @@gtid_current_pos AS gtids');
    return row!.gtids;
  }

  protected override readonly replicaStatus = 'SHOW ALL SLAVES STATUS';

  protected async reaches(position: string): Promise<boolean> {
    const [row] = await this.sql<{ late: number }>('SELECT MASTER_GTID_WAIT(?, 20) AS late', [position]);
    return Number(row?.late) === 0;
  }
}

/** Starts a primary and its read_only replicas, with GTIDs, in step with each other. */
export async function startMariadb(options: SqlOptions = {}): Promise<SqlTopology<Mariadb>> {
  const backend = chooseBackend();
  const count = 1 + (options.replicas ?? 2);
  const servers =
    backend.kind === 'container'
      ? (await sqlServersInContainers(backend.engine, 'mariadb', count, options.args)).map(
          (parts) => new Mariadb({ ...parts, settings: { readOnly: false } }),
        )
      : await nativeServers(count, options);
  const topology = new SqlTopology(servers);
  await topology.launch();
  return topology;
}

async function nativeServers(count: number, options: SqlOptions): Promise<Mariadb[]> {
  const root = await fetchPackages(PACKAGES);
  const base = [...programIn(root, 'usr/sbin/mariadbd'), '--no-defaults', ...serverFolders(root)];
  // The server refuses to run as root unless told in so many words.
  if (process.getuid?.() === 0) base.push('--user=root');
  const template = await templateOf(root, (data) => bootstrap(root, base, data));
  return await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const port = await freePort(HOST);
      const settings: Settings = { readOnly: false };
      const args = [...base, ...serverArgs(i + 1, port), ...(options.args ?? [])];
      const instance = new NativeProcess({
        name: `mariadb-${i + 1}`,
        prepare: (data) => copyTemplate(template, data),
        command: (data) => [
          ...args,
          `--read-only=${settings.readOnly ? 'ON' : 'OFF'}`,
          `--datadir=${data}`,
          `--socket=${data}.sock`,
          `--pid-file=${data}.pid`,
        ],
      });
      const login = { socketPath: `${instance.data}.sock` };
      return new Mariadb({ instance, host: HOST, port, root: login, peerHost: HOST, peerPort: port, settings });
    }),
  );
}

/** Makes the system tables, as mariadb-install-db would; root may log in without a password. */
async function bootstrap(root: string, base: readonly string[], data: string): Promise<void> {
  const files = SYSTEM_SQL.map((name) => join(root, 'usr/share/mysql', name)).filter((file) => existsSync(file));
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8')));
  const sql = ['create database if not exists mysql;', 'use mysql;', 'SET @auth_root_socket=NULL;', ...texts].join(
    '\n',
  );
  const child = spawn(base[0]!, [...base.slice(1), '--bootstrap', `--datadir=${data}`, '--log-warnings=0'], {
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  let complaints = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complaints += chunk.toString();
  });
  // A server that dies early closes the pipe; its exit code tells what matters.
  child.stdin.on('error', () => {});
  child.stdin.end(sql);
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`cannot make MariaDB's system tables: ${complaints.slice(-1_000)}`);
}

function serverFolders(root: string): string[] {
  const share = join(root, 'usr/share/mysql');
  return [
    `--basedir=${join(root, 'usr')}`,
    `--plugin-dir=${join(root, 'usr/lib/mysql/plugin')}`,
    `--lc-messages-dir=${share}`,
    `--character-sets-dir=${share}/charsets`,
    '--innodb-buffer-pool-size=64M',
    '--innodb-log-file-size=8M',
  ];
}

function serverArgs(id: number, port: number): string[] {
  return [
    `--bind-address=${HOST}`,
    `--port=${port}`,
    `--server-id=${id}`,
    `--report-host=${HOST}`,
    `--report-port=${port}`,
    '--log-bin=binlog',
    '--log-slave-updates=ON',
    '--gtid-strict-mode=ON',
    // Otherwise the end of a session that has a temporary table is written to the binary log, also by
    // a server that was demoted meanwhile: it could not follow its successor any more.
    '--binlog-format=ROW',
    '--max-connections=200',
    // Without last_gtid, which is not tracked by default, a client cannot read its own writes from
    // a replica.
    '--session-track-system-variables=autocommit,character_set_client,character_set_connection,character_set_results,time_zone,last_gtid',
    // Data of a test need not survive the loss of power.
    '--innodb-flush-log-at-trx-commit=2',
    '--sync-binlog=0',
  ];
}
