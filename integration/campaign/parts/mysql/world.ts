import { setTimeout as sleep } from 'node:timers/promises';
import {
  Relay,
  SQL_USERS,
  type SqlServer,
  type SqlTopology,
  startMariadb,
  startMysql,
} from '../../../harness/index.js';
import type { ClientHistory } from '../../history.js';
import { beginNetFault } from '../../net-faults.js';
import type { Fault, PartWorld, Schedule } from '../../part.js';
import { beginProcessFault } from '../../process-faults.js';
import { ConsulRegistry } from '../../registry/consul-registry.js';

export const SERVICE = 'campaign';

const TABLES = `USE test;
  CREATE TABLE registers (k VARCHAR(20) PRIMARY KEY, v TEXT CHARACTER SET utf8mb4);
  CREATE TABLE counters (k VARCHAR(20) PRIMARY KEY, n INT NOT NULL);
  CREATE TABLE loaded (id INT AUTO_INCREMENT PRIMARY KEY, tag VARCHAR(60), n INT);
  CREATE TABLE tokens (k VARCHAR(20) PRIMARY KEY, v TEXT CHARACTER SET utf8mb4, token VARCHAR(1100));`;

/** What each key has where replicas stand still from before the first client on. */
export const FIRST_VALUES = ['first', 'second'] as const;

/** Longer than `maxLagMs` where it is short, and from then on as long as clients take to begin. */
const BEHIND_BEFORE_MS = 2_500;
const BEHIND_AFTER_MS = 6_000;

const endpointOf = (target: number): string => `db${target}`;

/** A primary and its replicas, each behind a relay, listed by Consul. */
export class MysqlWorld implements PartWorld {
  readonly clients: unknown;
  readonly #topology: SqlTopology<SqlServer>;
  readonly #servers: readonly SqlServer[];
  readonly #relays: readonly Relay[];
  readonly #registry: ConsulRegistry;
  readonly #flavor: string;
  readonly #turns = new Map<SqlServer, Promise<void>>();
  readonly #lockedOut = new Set<SqlServer>();
  #behind: NodeJS.Timeout | undefined;
  /** Changes of roles, one at a time. */
  #changes: Promise<unknown> = Promise.resolve();
  /** The one that is not over, also where nothing waits for it any more. */
  #change: Promise<void> | undefined;

  private constructor(
    topology: SqlTopology<SqlServer>,
    relays: readonly Relay[],
    registry: ConsulRegistry,
    flavor: string,
  ) {
    this.#topology = topology;
    this.#servers = topology.servers;
    this.#relays = relays;
    this.#registry = registry;
    this.#flavor = flavor;
    this.clients = { consul: registry.address, ports: relays.map(({ port }) => port) };
  }

  static async start({ options, keys }: Schedule): Promise<MysqlWorld> {
    const flavor = String(options.flavor);
    // Checks of Consul connect and say nothing; a lock is waited for shortly.
    const args = [
      '--max-connect-errors=1000000',
      '--innodb-lock-wait-timeout=1',
      '--lock-wait-timeout=2',
      '--local-infile=ON',
    ];
    const topology: SqlTopology<SqlServer> = await (flavor === 'mysql' ? startMysql : startMariadb)({ args });
    await topology.primary.sql(TABLES);
    await topology.caughtUp();
    const relays = await Promise.all(topology.servers.map((server) => Relay.before(server)));
    const world = new MysqlWorld(topology, relays, await ConsulRegistry.start(), flavor);
    for (const [i, { port }] of relays.entries())
      await world.#registry.register({ id: endpointOf(i), service: SERVICE, port });
    if (options.startsBehind === true) await world.#startBehind(keys);
    return world;
  }

  /** Who begins now finds replicas that look well, and have an old value of everything. */
  async #startBehind(keys: number): Promise<void> {
    const { primary, replicas } = this.#topology;
    const write = (value: string): Promise<unknown> =>
      primary.sql(
        `REPLACE INTO test.registers (k, v) VALUES ${Array.from({ length: keys }, (_, i) => `('k${i}', '${value}')`).join()}`,
      );
    const [before, after] = FIRST_VALUES;
    await write(before);
    await this.#topology.caughtUp();
    for (const replica of replicas) await this.#replicate(replica, false);
    await write(after);
    await sleep(BEHIND_BEFORE_MS);
    const goOn = async (): Promise<void> => {
      for (const replica of replicas) if (replica !== this.#topology.primary) await this.#replicate(replica, true);
    };
    this.#behind = setTimeout(() => void this.#exclusively(goOn), BEHIND_AFTER_MS);
  }

  #replicate(server: SqlServer, on: boolean): Promise<void> {
    return this.#tell(server, `${on ? 'START' : 'STOP'} ${this.#flavor === 'mysql' ? 'REPLICA' : 'SLAVE'}`);
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
        await this.#replicate(server, false);
        return () =>
          this.#exclusively(async () => {
            if (server !== this.#topology.primary) await this.#replicate(server, true);
          });
      case 'disconnect':
        await this.#disconnect(server);
        return nothing;
      case 'full':
        await this.#tell(server, 'SET GLOBAL max_connections = 5');
        return () => this.#makeRoom(server);
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

  /** Until it is done: where a server is full, its administrator may be refused as well. */
  async #makeRoom(server: SqlServer): Promise<void> {
    for (let tries = 0; tries < 100 && server.running; tries++) {
      const made = within(server.sql('SET GLOBAL max_connections = 200'), 3_000);
      if (await made.then(isDone, isNotDone)) return;
      await sleep(100);
    }
  }

  #exclusively(act: () => Promise<void>): Promise<void> {
    const change = async (): Promise<void> => {
      // It goes on in the background: another one beside it would make a second primary.
      if (this.#change !== undefined) return;
      this.#change = act().finally(() => {
        this.#change = undefined;
      });
      await within(this.#change, 25_000);
    };
    const done = this.#changes.then(change).catch(() => {});
    this.#changes = done;
    return done;
  }

  async heal(): Promise<void> {
    clearTimeout(this.#behind);
    await this.#changes;
    for (const [i, server] of this.#servers.entries()) {
      if (!server.running) await server.restart();
      await server.resume();
      await this.#relays[i]!.pass();
      await this.#makeRoom(server);
    }
    // What a frozen server held up can end now.
    if (this.#change !== undefined) await within(this.#change, 30_000).catch(() => {});
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

  /** What clients left: connections of theirs, and what a replica has that the primary has not. */
  async finish(history: ClientHistory): Promise<void> {
    const left = async (server: SqlServer): Promise<number> =>
      (await server.sql("SELECT id FROM information_schema.processlist WHERE user = 'app'")).length;
    const dataOf = async (server: SqlServer): Promise<string> =>
      JSON.stringify(await server.sql('SELECT k, v FROM test.registers ORDER BY k'));
    await this.#topology.caughtUp();
    const wanted = await dataOf(this.#topology.primary);
    for (const [i, server] of this.#servers.entries()) {
      for (let waitedMs = 0; (await left(server)) > 0 && waitedMs < 3_000; waitedMs += 100) await sleep(100);
      const connections = await left(server);
      if (connections > 0) history.complain('connections are left on a server', { server: i, connections });
      const found = await dataOf(server);
      if (found !== wanted) history.complain('a replica has what its primary has not', { server: i, found, wanted });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#behind);
    await this.#registry[Symbol.asyncDispose]();
    await Promise.all(this.#relays.map((relay) => relay[Symbol.asyncDispose]()));
    await this.#topology[Symbol.asyncDispose]();
  }
}

const isDone = (): boolean => true;
const isNotDone = (): boolean => false;

function within<T>(work: Promise<T>, limitMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('a server does not answer')), limitMs);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
