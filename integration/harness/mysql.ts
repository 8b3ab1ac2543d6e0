import { execFile } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { chooseBackend } from './backend.js';
import { sqlServersInContainers } from './container/sql-servers.js';
import { fetchPackages } from './native/fetch.js';
import { NativeProcess } from './native/process.js';
import { programIn } from './native/program.js';
import { copyTemplate, templateOf } from './native/template.js';
import { freePort } from './ports.js';
import { SQL_USERS, SqlServer, SqlTopology } from './sql-server.js';

const HOST = '127.0.0.1';
const PACKAGES = { name: 'mysql', suite: 'sid', packages: ['mysql-server-core', 'mysql-client'] };
const run = promisify(execFile);

export interface SqlOptions {
  /** 0 to 2; default 2. */
  readonly replicas?: 0 | 1 | 2;
  /** Further arguments of the server program, for every server. */
  readonly args?: readonly string[];
}

/** A MySQL 9 server. */
export class Mysql extends SqlServer {
  protected override probeRights(): readonly string[] {
    return ['REPLICATION CLIENT ON *.*', 'SELECT ON performance_schema.*'];
  }

  async setReadOnly(on: boolean): Promise<void> {
    // Switching read_only off switches super_read_only off as well; switching super_read_only on
    // brings read_only along.
    await this.sql(
      on ? 'SET PERSIST super_read_only = ON' : 'SET PERSIST super_read_only = OFF; SET PERSIST read_only = OFF',
    );
  }

  async replicateFrom(source: SqlServer): Promise<void> {
    const { user, password } = SQL_USERS.replication;
    await this.sql(
      `STOP REPLICA; CHANGE REPLICATION SOURCE TO SOURCE_HOST='${source.peerHost}', SOURCE_PORT=${source.peerPort}, SOURCE_USER='${user}',
       SOURCE_PASSWORD='${password}', SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1, SOURCE_CONNECT_RETRY=1, SOURCE_RETRY_COUNT=86400,
       SOURCE_HEARTBEAT_PERIOD=1; START REPLICA`,
    );
  }

  async stopReplication(): Promise<void> {
    await this.sql('STOP REPLICA; RESET REPLICA ALL');
  }

  async position(): Promise<string> {
    const [row] = await this.sql<{ gtids: string }>('SELECT @@gtid_executed AS gtids');
    return row!.gtids;
  }

  protected override readonly replicaStatus = 'SHOW REPLICA STATUS';

  protected async reaches(position: string): Promise<boolean> {
    const [row] = await this.sql<{ late: number }>('SELECT WAIT_FOR_EXECUTED_GTID_SET(?, 20) AS late', [position]);
    return row?.late === 0;
  }
}

/** Starts a primary and its super_read_only replicas, with GTIDs, in step with each other. */
export async function startMysql(options: SqlOptions = {}): Promise<SqlTopology<Mysql>> {
  const backend = chooseBackend();
  const count = 1 + (options.replicas ?? 2);
  const servers =
    backend.kind === 'container'
      ? (await sqlServersInContainers(backend.engine, 'mysql', count, options.args)).map((parts) => new Mysql(parts))
      : await nativeServers(count, options);
  const topology = new SqlTopology(servers);
  await topology.launch();
  return topology;
}

async function nativeServers(count: number, options: SqlOptions): Promise<Mysql[]> {
  const root = await fetchPackages(PACKAGES);
  const program = programIn(root, 'usr/sbin/mysqld', ['usr/lib/mysql/private']);
  const base = [`--basedir=${join(root, 'usr')}`];
  // The server refuses to run as root unless told in so many words.
  if (process.getuid?.() === 0) base.push('--user=root');
  const small = ['--innodb-buffer-pool-size=64M', '--innodb-redo-log-capacity=8M'];
  const template = await templateOf(root, async (data) => {
    const [file, ...first] = program as [string, ...string[]];
    await run(file, [...first, '--no-defaults', ...base, '--initialize-insecure', `--datadir=${data}`, ...small]);
    // It holds the server's UUID; copies with one UUID would refuse to replicate from each other.
    await rm(join(data, 'auto.cnf'));
  });
  return await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const port = await freePort(HOST);
      const args = [...base, ...small, ...serverArgs(root, i + 1, port), ...(options.args ?? [])];
      const instance = new NativeProcess({
        name: `mysql-${i + 1}`,
        prepare: async (data) => {
          await copyTemplate(template, data);
          await writeFile(`${data}.cnf`, '');
        },
        // An empty file and not --no-defaults, under which the server would not read what SET
        // PERSIST kept either.
        command: (data) => [
          ...program,
          `--defaults-file=${data}.cnf`,
          ...args,
          `--datadir=${data}`,
          `--socket=${data}.sock`,
          `--pid-file=${data}.pid`,
        ],
      });
      return new Mysql({
        instance,
        host: HOST,
        port,
        root: { socketPath: `${instance.data}.sock` },
        peerHost: HOST,
        peerPort: port,
      });
    }),
  );
}

function serverArgs(root: string, id: number, port: number): string[] {
  const share = join(root, 'usr/share/mysql');
  return [
    `--plugin-dir=${join(root, 'usr/lib/mysql/plugin')}`,
    `--lc-messages-dir=${share}`,
    `--character-sets-dir=${share}/charsets`,
    `--bind-address=${HOST}`,
    `--port=${port}`,
    '--mysqlx=OFF',
    // Its default folder does not exist here, and a missing one is fatal.
    '--secure-file-priv=NULL',
    `--server-id=${id}`,
    `--report-host=${HOST}`,
    `--report-port=${port}`,
    '--gtid-mode=ON',
    '--enforce-gtid-consistency=ON',
    '--log-bin=binlog',
    '--session-track-gtids=OWN_GTID',
    '--replica-parallel-workers=2',
    '--max-connections=200',
    // Data of a test need not survive the loss of power, and three servers share a small machine.
    '--innodb-flush-log-at-trx-commit=2',
    '--sync-binlog=0',
    '--performance-schema-max-table-instances=400',
    '--performance-schema-max-digest-length=0',
    '--performance-schema-digests-size=0',
    '--table-open-cache=400',
    '--table-definition-cache=400',
  ];
}
