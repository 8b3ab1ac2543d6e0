import { type Endpoint, FairleadError, Outcome, type Timer } from '../../../src/index.js';
import { mayPass, meaningOf } from '../common/errors.js';
import type { EndpointPool } from '../connections/endpoint-pool.js';
import type { DriverConnection } from '../driver/driver.js';
import type { Probe } from './probe.js';
import type { Replication } from './replication.js';
import { Roles } from './roles.js';
import { ClusterServer, type ServerContext } from './server.js';

export interface ServerSetHost {
  /** Servers, their roles or what is known of them changed. */
  changed(): void;
  opened(connection: DriverConnection): void;
  enqueued(): void;
}

/** The servers that discovery lists, each with its connections, and what looking at them shows. */
export class ServerSet {
  readonly roles: Roles;
  readonly #context: ServerContext;
  readonly #host: ServerSetHost;
  readonly #servers = new Map<Endpoint, ClusterServer>();
  /** Connections to servers that left discovery, while some of them are in use. */
  readonly #leaving = new Set<EndpointPool>();
  #surveyed = false;
  #survey: Timer | undefined;

  constructor(context: ServerContext, host: ServerSetHost) {
    this.#context = context;
    this.#host = host;
    const { service, own } = context;
    const { maxLagMs, onTwoPrimaries } = own;
    const isWarm = (endpoint: Endpoint): boolean => this.#servers.get(endpoint)?.warm === true;
    this.roles = new Roles({ service, maxLagMs, onTwoPrimaries, isWarm });
    for (const endpoint of service.endpoints) this.#add(endpoint);
  }

  get(endpoint: Endpoint): ClusterServer | undefined {
    return this.#servers.get(endpoint);
  }

  byId(id: string): ClusterServer | undefined {
    for (const server of this.all) if (server.endpoint.spec.id === id) return server;
    return undefined;
  }

  get all(): Iterable<ClusterServer> {
    return this.#servers.values();
  }

  /**
   * Each server of the first list was looked at, or did not answer in time. Before, a second
   * primary may not have been seen yet, nor the primary that a replica must be measured by: nothing
   * is run anywhere.
   */
  get surveyed(): boolean {
    return this.#surveyed;
  }

  /** Discovery reported a new list. */
  apply(arrived: readonly Endpoint[], departed: readonly Endpoint[]): void {
    for (const endpoint of departed) this.#remove(endpoint);
    for (const endpoint of arrived) this.#add(endpoint);
    this.#lookEnded();
    this.#host.changed();
  }

  /** A statement found out that this server refuses writes: looks again at all of them, at once. */
  demoted(endpoint: Endpoint): void {
    this.#replication.demoted(endpoint, this.#context.clock.now());
    this.#host.changed();
    for (const { prober } of this.all) void prober.look();
  }

  /** What the servers said, where all of them refused the login: waiting would change nothing. */
  get refusedLogin(): unknown {
    const errors = [...this.all].map(({ probeError }) => probeError);
    return errors.length > 0 && errors.every((error) => error !== undefined && !mayPass(error)) ? errors[0] : undefined;
  }

  /** Looks at no server any more. */
  stop(): void {
    this.#survey?.cancel();
    for (const server of this.all) {
      server.leave();
      this.#report(server.endpoint, undefined);
    }
  }

  /** Resolves when every connection in use has come back, or was cut after `limitMs`. */
  async close(limitMs: number): Promise<void> {
    const pools = [...this.#leaving, ...[...this.all].map(({ pool }) => pool)];
    const cut = this.#context.clock.awaited(limitMs, () => {
      for (const pool of pools) pool.abandon();
    });
    await Promise.all(pools.map((pool) => pool.close()));
    cut.cancel();
    this.#servers.clear();
  }

  get #replication(): Replication {
    return this.roles.replication;
  }

  #add(endpoint: Endpoint): void {
    if (this.#servers.has(endpoint)) return;
    const server = new ClusterServer(endpoint, this.#context, {
      probed: (each, probe) => this.#probed(each, probe),
      failed: (each, error) => this.#lookFailed(each, error),
      hasNoPrimary: () => this.#replication.writable.length === 0,
      warmed: () => this.#host.changed(),
      opened: (connection) => this.#host.opened(connection),
      enqueued: () => this.#host.enqueued(),
    });
    this.#servers.set(endpoint, server);
    if (!this.#surveyed) this.#survey ??= this.#context.clock.after(LONGEST_SURVEY_MS, () => this.#endSurvey());
  }

  #remove(endpoint: Endpoint): void {
    const server = this.#servers.get(endpoint);
    if (server === undefined) return;
    server.leave();
    this.#report(endpoint, undefined);
    this.#servers.delete(endpoint);
    this.#replication.forget(endpoint, this.#context.clock.now());
    // Transactions in progress finish; the pool is forgotten when the last connection is back.
    const { pool } = server;
    this.#leaving.add(pool);
    void pool.close().then(() => this.#leaving.delete(pool));
  }

  #probed({ endpoint, pool }: ClusterServer, probe: Probe): boolean {
    const { service, clock } = this.#context;
    // It was gone and is back: what failed then does not count now.
    if (probe.reconnected) {
      pool.resume();
      service.reportRecovered(endpoint);
    }
    this.#report(endpoint, true);
    const replication = this.#replication;
    const doubted = replication.unconfirmed.length > 0;
    const changed = replication.probed(endpoint, probe, clock.now());
    const { unconfirmed } = replication;
    if (changed || (doubted && unconfirmed.length === 0)) this.#host.changed();
    // The other one may just have been demoted, or be gone.
    for (const doubtful of unconfirmed) void this.get(doubtful)?.prober.look();
    this.#lookEnded();
    return replication.stateOf(endpoint).lagMs === Number.POSITIVE_INFINITY;
  }

  #lookFailed({ endpoint, pool }: ClusterServer, error: unknown): void {
    // Otherwise it was not asked: there is no password to log in with.
    if (!(error instanceof FairleadError)) {
      // A full server, or one that refuses this login, is alive: what is open there works on.
      const { outcome } = meaningOf(error, true);
      const alive = outcome === Outcome.Overloaded || outcome === Outcome.ApplicationError;
      if (alive) this.#replication.unseen(endpoint, this.#context.clock.now());
      else if (this.#replication.failed(endpoint, this.#context.clock.now())) pool.cut();
      if (alive) this.#report(endpoint, true);
      else if (this.#replication.isSilent(endpoint))
        this.#report(endpoint, false, error instanceof Error ? error : new Error(String(error)));
      this.#host.changed();
    }
    this.#lookEnded();
  }

  /** What looking at it shows concerns whoever uses the service, and whoever watches it. */
  #report(endpoint: Endpoint, healthy: boolean | undefined, reason?: Error): void {
    this.#context.service.reportCheck(endpoint, { by: this, check: 'mysql', healthy, reason });
  }

  #lookEnded(): void {
    if (this.#surveyed || this.#servers.size === 0) return;
    for (const { looked } of this.all) if (!looked) return;
    this.#endSurvey();
  }

  #endSurvey(): void {
    this.#surveyed = true;
    this.#survey?.cancel();
    this.#host.changed();
  }
}

/**
 * A server that does not answer its first look may be anything: a start waits no longer than this
 * for it.
 */
const LONGEST_SURVEY_MS = 1_000;
