import {
  Relay,
  SQL_USERS,
  type SqlServer,
  type SqlTopology,
  startMariadb,
  startMysql,
} from '../../../harness/index.js';
import { beginNetFault } from '../../net-faults.js';
import type { Fault, PartWorld, Schedule } from '../../part.js';
import { beginProcessFault } from '../../process-faults.js';
import { CampaignRegistry } from '../../registry.js';

export const SERVICE = 'campaign';

const TABLES = `USE test;
  CREATE TABLE registers (k VARCHAR(20) PRIMARY KEY, v TEXT CHARACTER SET utf8mb4);
  CREATE TABLE counters (k VARCHAR(20) PRIMARY KEY, n INT NOT NULL);
  CREATE TABLE tokens (k VARCHAR(20) PRIMARY KEY, v TEXT CHARACTER SET utf8mb4, token VARCHAR(1100));`;

const endpointOf = (target: number): string => `db${target}`;

/** A primary and its replicas, each behind a relay, listed by Consul. */
export class MysqlWorld implements PartWorld {
  readonly clients: unknown;
  readonly #topology: SqlTopology<SqlServer>;
  readonly #servers: readonly SqlServer[];
  readonly #relays: readonly Relay[];
  readonly #registry: CampaignRegistry;
  readonly #flavor: string;
  readonly #turns = new Map<SqlServer, Promise<void>>();
  readonly #lockedOut = new Set<SqlServer>();
  /** Changes of roles, one at a time. */
  #changes: Promise<unknown> = Promise.resolve();

  private constructor(
    topology: SqlTopology<SqlServer>,
    relays: readonly Relay[],
    registry: CampaignRegistry,
    flavor: string,
  ) {
    this.#topology = topology;
    this.#servers = topology.servers;
    this.#relays = relays;
    this.#registry = registry;
    this.#flavor = flavor;
    this.clients = { consul: registry.address };
  }

  static async start({ options }: Schedule): Promise<MysqlWorld> {
    const flavor = String(options.flavor);
    // Checks of Consul connect and say nothing; a lock is waited for shortly.
    const args = ['--max-connect-errors=1000000', '--innodb-lock-wait-timeout=1', '--lock-wait-timeout=2'];
    const topology: SqlTopology<SqlServer> = await (flavor === 'mysql' ? startMysql : startMariadb)({ args });
    await topology.primary.sql(TABLES);
    await topology.caughtUp();
    const relays = await Promise.all(topology.servers.map((server) => Relay.before(server)));
    const world = new MysqlWorld(topology, relays, await CampaignRegistry.start(), flavor);
    for (const [i, { port }] of relays.entries())
      await world.#registry.register({ id: endpointOf(i), service: SERVICE, port });
    return world;
  }

  async begin(fault: Fault): Promise<() => Promise<void>> {
    const { kind, target } = fault;
    const server = this.#servers[target]!;
    const end =
      (await this.#registry.begin(fault, endpointOf)) ??
      (await beginNetFault(fault, this.#relays[target]!)) ??
      (await this.#beginInTurn(fault, server));
    if (end) return end;
    const nothing = async (): Promise<void> => {};
    switch (kind) {
      case 'switch':
        await this.#exclusively(() => this.#switch(server));
        return nothing;
      case 'demote': {
        const { primary } = this.#topology;
        await this.#exclusively(() => primary.setReadOnly(true));
        return () =>
          this.#exclusively(
            async () => void (this.#topology.primary === primary && (await primary.setReadOnly(false))),
          );
      }
      case 'replication-stopped':
        if (server === this.#topology.primary) return nothing;
        await this.#tell(server, this.#flavor === 'mysql' ? 'STOP REPLICA' : 'STOP SLAVE');
        return () =>
          this.#exclusively(async () => {
            if (server !== this.#topology.primary)
              await this.#tell(server, this.#flavor === 'mysql' ? 'START REPLICA' : 'START SLAVE');
          });
      case 'disconnect':
        await this.#disconnect(server);
        return nothing;
      case 'full':
        await this.#tell(server, 'SET GLOBAL max_connections = 5');
        return () => this.#tell(server, 'SET GLOBAL max_connections = 200');
      default:
        // Who is logged in stays; who is not is refused. A replica's users cannot be changed.
        return this.#lockOut(this.#topology.primary);
    }
  }

  /** On a busy machine a server starts for so long that the next fault of its process begins. */
  async #beginInTurn(fault: Fault, server: SqlServer): Promise<(() => Promise<void>) | undefined> {
    const before = this.#turns.get(server);
    let over = (): void => {};
    const turn = new Promise<void>((resolve) => {
      over = resolve;
    });
    this.#turns.set(server, turn);
    await before;
    const end = await beginProcessFault(fault, server);
    if (end === undefined) over();
    return end && (() => end().finally(over));
  }

  /** As an operator does it: no more writes, then the successor has all, then it is the primary. */
  async #switch(server: SqlServer): Promise<void> {
    const { primary } = this.#topology;
    if (server === primary) return;
    try {
      await server.sql('SELECT 1');
      await primary.setReadOnly(true);
      await server.waitFor(await primary.position());
      await this.#topology.promote(server);
    } finally {
      if (this.#topology.primary === primary) await primary.setReadOnly(false).catch(() => {});
    }
  }

  async #disconnect(server: SqlServer): Promise<void> {
    try {
      const sessions = await server.sql<{ id: number }>(
        "SELECT id FROM information_schema.processlist WHERE user = 'app'",
      );
      for (const { id } of sessions) await this.#tell(server, `KILL ${id}`);
    } catch {
      // It is down, or frozen.
    }
  }

  async #lockOut(server: SqlServer): Promise<() => Promise<void>> {
    this.#lockedOut.add(server);
    await this.#password(server, 'changed');
    // Where it is the primary no longer, `heal` gives the password back.
    return async () => {
      if (server === this.#topology.primary) await this.#password(server, SQL_USERS.app.password);
    };
  }

  async #password(server: SqlServer, password: string): Promise<void> {
    await this.#tell(server, `SET sql_log_bin = 0; ALTER USER app@'%' IDENTIFIED BY '${password}'`);
  }

  /** What a dead or frozen server does not take is not done: another fault is there. */
  async #tell(server: SqlServer, sql: string): Promise<void> {
    await within(server.sql(sql), 3_000).catch(() => {});
  }

  #exclusively(act: () => Promise<void>): Promise<void> {
    const done = this.#changes.then(() => within(act(), 8_000)).catch(() => {});
    this.#changes = done;
    return done;
  }

  async heal(): Promise<void> {
    await this.#changes;
    for (const [i, server] of this.#servers.entries()) {
      if (!server.running) await server.restart();
      await server.resume();
      await this.#relays[i]!.pass();
      await this.#tell(server, 'SET GLOBAL max_connections = 200');
    }
    const { primary, replicas } = this.#topology;
    await primary.setReadOnly(false);
    for (const server of this.#lockedOut) {
      if (server !== primary) await server.setReadOnly(false);
      await this.#password(server, SQL_USERS.app.password);
    }
    this.#lockedOut.clear();
    for (const replica of replicas) {
      await replica.setReadOnly(true);
      await replica.stopReplication();
      await replica.replicateFrom(primary);
    }
    await this.#topology.caughtUp();
    await this.#registry.heal();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#registry[Symbol.asyncDispose]();
    await Promise.all(this.#relays.map((relay) => relay[Symbol.asyncDispose]()));
    await this.#topology[Symbol.asyncDispose]();
  }
}

function within<T>(work: Promise<T>, limitMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('a server does not answer')), limitMs);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
