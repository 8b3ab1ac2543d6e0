import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { type Instance, Server } from './server.js';

/**
 * The users every MySQL and MariaDB server of the harness has, from any address; each one's
 * password is its name.
 */
export const SQL_USERS = {
  /** May do everything, and grant it. */
  admin: { user: 'adm', password: 'adm' },
  /** An application's: tables, views, routines and rows of every database, no administration. */
  app: { user: 'app', password: 'app' },
  /** A health check's: sees the state of the server and of its replication, no data. */
  probe: { user: 'probe', password: 'probe' },
  /** The replicas' own. */
  replication: { user: 'repl', password: 'repl' },
} as const;

const APP_RIGHTS =
  'SELECT,INSERT,UPDATE,DELETE,CREATE,DROP,ALTER,INDEX,EXECUTE,CREATE ROUTINE,ALTER ROUTINE,CREATE TEMPORARY TABLES,LOCK TABLES,CREATE VIEW,SHOW VIEW,TRIGGER,REFERENCES';

/** Where the harness itself logs in as root. */
export interface RootLogin {
  readonly socketPath?: string;
  readonly password?: string;
}

export interface SqlServerParts {
  readonly instance: Instance;
  readonly host: string;
  readonly port: number;
  readonly root: RootLogin;
  /** Where the other servers of the topology reach this one. */
  readonly peerHost: string;
  readonly peerPort: number;
}

/** A server of the MySQL family. */
export abstract class SqlServer extends Server {
  readonly #root: RootLogin;
  readonly peerHost: string;
  readonly peerPort: number;

  constructor(parts: SqlServerParts) {
    super(parts.instance, parts.host, parts.port);
    this.#root = parts.root;
    this.peerHost = parts.peerHost;
    this.peerPort = parts.peerPort;
  }

  /**
   * Runs a statement (or several, separated by semicolons) as root on a connection of its own;
   * returns the rows of the last one that has any.
   */
  async sql<Row = Record<string, unknown>>(statement: string, values: readonly unknown[] = []): Promise<Row[]> {
    const connection = await createConnection({
      host: this.host,
      port: this.port,
      user: 'root',
      multipleStatements: true,
      connectTimeout: 5_000,
      ...this.#root,
    });
    try {
      const [result] = await connection.query<RowDataPacket[]>(statement, [...values]);
      const sets = (Array.isArray(result[0]) ? result : [result]) as unknown[];
      return (sets.findLast((set) => Array.isArray(set)) ?? []) as Row[];
    } finally {
      connection.destroy();
    }
  }

  /** Launches the program and gives it its users. */
  async launch(): Promise<void> {
    await this.start();
    await this.#addUsers();
  }

  /** As for every server; one that was wiped has its users again, but follows nobody. */
  override async restart(options: { wipe?: boolean } = {}): Promise<void> {
    await super.restart(options);
    if (options.wipe) await this.#addUsers();
  }

  async #addUsers(): Promise<void> {
    const grants = [
      ['admin', 'ALL ON *.*', 'WITH GRANT OPTION'],
      ['app', `${APP_RIGHTS} ON *.*`, ''],
      ['replication', 'REPLICATION SLAVE ON *.*', ''],
      ...this.probeRights().map((rights) => ['probe', rights, ''] as const),
    ] as const;
    const statements = grants.flatMap(([name, rights, suffix]) => {
      const { user, password } = SQL_USERS[name];
      return [
        `CREATE USER IF NOT EXISTS ${user}@'%' IDENTIFIED BY '${password}'`,
        `GRANT ${rights} TO ${user}@'%' ${suffix}`,
      ];
    });
    // Not into the binary log: every server of a topology gets its users by itself, before
    // replication begins.
    await this.sql(['SET sql_log_bin = 0', ...statements].join(';'));
  }

  protected async ready(): Promise<void> {
    await this.untilUp(`${this.constructor.name} accepts connections on ${this.address}`, () =>
      this.sql('SELECT 1 AS up'),
    );
  }

  /** What the probe user is granted, e.g. `REPLICATION CLIENT ON *.*`. */
  protected abstract probeRights(): readonly string[];
  /**
   * Lets the server accept writes, or refuse them from everybody but replication; a restart keeps
   * the setting.
   */
  abstract setReadOnly(on: boolean): Promise<void>;
  /** Begins to copy from `source`, by GTID. */
  abstract replicateFrom(source: SqlServer): Promise<void>;
  abstract stopReplication(): Promise<void>;
  /** The transactions this server has, as a GTID set. */
  abstract position(): Promise<string>;
  /** Waits until this server has all transactions of `position`. */
  async waitFor(position: string): Promise<void> {
    if (await this.reaches(position)) return;
    const [status = {}] = await this.sql(this.replicaStatus);
    const told = Object.entries(status).filter(
      ([name, value]) => /_Running$|_Error$|_Host$|_Port$|Gtid/.test(name) && value !== '',
    );
    throw new Error(`${this.address} did not catch up with ${position} within 20 s: ${JSON.stringify(told)}`);
  }
  /** Whether it has all transactions of `position` within 20 s. */
  protected abstract reaches(position: string): Promise<boolean>;
  /** Shows what its replication does. */
  protected abstract readonly replicaStatus: string;
}

/** One server that takes writes, and others that copy from it. */
export class SqlTopology<S extends SqlServer> implements AsyncDisposable {
  readonly users: typeof SQL_USERS = SQL_USERS;
  /** Has the table `t (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(64))`. */
  readonly database: string = 'test';
  #primary: S;
  readonly #servers: readonly S[];

  constructor(servers: readonly S[]) {
    this.#servers = servers;
    this.#primary = servers[0]!;
  }

  get primary(): S {
    return this.#primary;
  }

  get replicas(): readonly S[] {
    return this.#servers.filter((server) => server !== this.#primary);
  }

  get servers(): readonly S[] {
    return this.#servers;
  }

  /** Starts all servers and lets the replicas follow the primary. */
  async launch(): Promise<void> {
    try {
      await Promise.all(this.#servers.map((server) => server.launch()));
      await Promise.all(this.replicas.map((replica) => this.#follow(replica)));
      await this.primary.sql(
        `CREATE DATABASE ${this.database}; CREATE TABLE ${this.database}.t (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(64))`,
      );
      await this.caughtUp();
    } catch (error) {
      await this[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Waits until every running replica has what the primary has now. */
  async caughtUp(): Promise<void> {
    const position = await this.primary.position();
    await Promise.all(this.replicas.filter((replica) => replica.running).map((replica) => replica.waitFor(position)));
  }

  /**
   * Makes `server` the primary, as an operator would after a failure: it takes writes, and the
   * servers that run follow it.
   */
  async promote(server: S): Promise<void> {
    const before = this.#primary;
    this.#primary = server;
    if (before.running) await before.setReadOnly(true);
    await server.stopReplication();
    await server.setReadOnly(false);
    await Promise.all(this.replicas.filter((replica) => replica.running).map((replica) => this.#follow(replica)));
  }

  async #follow(replica: S): Promise<void> {
    await replica.setReadOnly(true);
    await replica.replicateFrom(this.#primary);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#servers.map((server) => server[Symbol.asyncDispose]()));
  }
}
