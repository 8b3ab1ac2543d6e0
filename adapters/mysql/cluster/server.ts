import { isIP } from 'node:net';
import { Backoff } from '../../../src/adapter.js';
import type { Clock, Endpoint, Lease, Random, Service, Subset } from '../../../src/index.js';
import type { DriverPoolOptions } from '../common/driver-options.js';
import type { PoolSettings } from '../common/options.js';
import { type ConnectOptionsHost, connectOptions } from '../connections/connect-options.js';
import { EndpointPool } from '../connections/endpoint-pool.js';
import { prepareConnection } from '../connections/prepare.js';
import { runBeside } from '../connections/run-beside.js';
import { type DriverConnection, openConnection } from '../driver/driver.js';
import type { Probe } from './probe.js';
import type { ProbeWatch } from './prober.js';
import { loginOf, type Probers } from './probers.js';

/** What all servers of a cluster have in common. */
export interface ServerContext {
  readonly clock: Clock;
  readonly random: Random;
  readonly service: Service;
  readonly own: PoolSettings;
  readonly pool: DriverPoolOptions;
  readonly connectTo: ConnectOptionsHost;
  readonly probers: Probers;
  readonly initStatements: readonly string[];
  /** For tests; default: mysql2. */
  readonly open?: ((options: Record<string, unknown>) => DriverConnection) | undefined;
}

/** What a server reports to its cluster. */
export interface ServerHost {
  /** True: look at it again soon. */
  probed(server: ClusterServer, probe: Probe): boolean;
  /** A look at it failed; `error` is also kept in `probeError`. */
  failed(server: ClusterServer, error: unknown): void;
  /** No server is known to accept writes. */
  hasNoPrimary(): boolean;
  /** Its first connections are made: it may serve. */
  warmed(): void;
  opened(connection: DriverConnection): void;
  enqueued(): void;
}

/** One server of a cluster: its connections, its prober, and whether it is ready to serve. */
export class ClusterServer {
  readonly endpoint: Endpoint;
  readonly pool: EndpointPool;
  readonly prober: ProbeWatch;
  /** Why it could not be asked for its role; undefined where the latest look was answered. */
  probeError: unknown;
  readonly #context: ServerContext;
  readonly #host: ServerHost;
  #warm: boolean;
  #looked = false;
  #gone = false;
  /** Which server answered the latest look that told it. */
  #identity = '';
  /** This server alone; made when a caller asks for it by name. */
  #only: Subset | undefined;

  constructor(endpoint: Endpoint, context: ServerContext, host: ServerHost) {
    this.endpoint = endpoint;
    this.#context = context;
    this.#host = host;
    this.#warm = context.own.minIdle === 0;
    this.pool = this.#newPool();
    this.prober = this.#watch();
    if (!this.#warm) void this.#warmUp(context.own.minIdle);
  }

  /** Its first connections are made, or none are wanted. */
  get warm(): boolean {
    return this.#warm;
  }

  /** A look at it has ended, well or not. */
  get looked(): boolean {
    return this.#looked;
  }

  /**
   * It is known by a name, which may lead to another server later, as one that follows the primary
   * does: connections stay with the one that they were made to.
   */
  get hasName(): boolean {
    return isIP(this.endpoint.spec.host) === 0;
  }

  /** A lease on this server and no other, whatever is known of it. */
  lease(): Lease {
    this.#only ??= this.#context.service.subset({ usable: (each) => each === this.endpoint });
    return this.#only.acquire();
  }

  /** Ends what runs on the connection with this thread id. Rejects where that cannot be asked. */
  killQuery(threadId: number): Promise<void> {
    const { clock, connectTo, pool, open = openConnection } = this.#context;
    const host = {
      clock,
      pool: this.pool,
      open: async () => open(await connectOptions(connectTo, this.endpoint.spec, { password: pool.password }), clock),
    };
    return runBeside(host, `KILL QUERY ${threadId}`, KILL_LIMIT_MS);
  }

  /** Stops looking at it; its connections stay. */
  leave(): void {
    this.#gone = true;
    this.prober.close();
    this.#only?.close();
  }

  #newPool(): EndpointPool {
    const { clock, random, service, own, pool, connectTo, initStatements, open } = this.#context;
    const { spec } = this.endpoint;
    return new EndpointPool(
      { ...pool, maxLifetimeMs: own.maxLifetimeMs, maxConnecting: own.maxConnecting },
      {
        clock,
        random,
        endpointId: spec.id,
        service: service.name,
        connectOptions: () => connectOptions(connectTo, this.endpoint.spec, { password: pool.password }),
        prepare: (connection, done) => prepareConnection(connection, initStatements, done),
        opened: (connection) => this.#host.opened(connection),
        enqueued: () => this.#host.enqueued(),
        ...(open !== undefined && { open }),
      },
    );
  }

  #watch(): ProbeWatch {
    const { own, pool, connectTo, open, probers } = this.#context;
    const { spec } = this.endpoint;
    const login = { password: pool.password, ...own.probeUser, database: undefined };
    const looked = {
      host: spec.host,
      port: spec.port,
      login: loginOf({ ...connectTo.connection, ...login }),
      allowPublicKeyRetrieval: connectTo.allowPublicKeyRetrieval,
      open,
    };
    return probers.watch(looked, {
      intervalMs: own.probeIntervalMs,
      connectOptions: async () => loginOf(await connectOptions(connectTo, this.endpoint.spec, login)),
      probed: (probe) => {
        this.probeError = undefined;
        this.#looked = true;
        this.#identify(probe);
        return this.#host.probed(this, probe);
      },
      mayHaveMoved: () => this.hasName && this.#host.hasNoPrimary(),
      failed: (error) => {
        this.probeError = error;
        this.#looked = true;
        this.#host.failed(this, error);
      },
    });
  }

  /** What its connections lead to is not what is looked at any more. */
  #identify({ identity }: Probe): void {
    if (identity === '') return;
    if (this.#identity !== '' && this.#identity !== identity) this.pool.retire();
    this.#identity = identity;
  }

  /** Tries until it works: a server whose connections cannot be made must not serve. */
  async #warmUp(count: number): Promise<void> {
    const { clock, random } = this.#context;
    const pauses = new Backoff(random, { baseMs: 100, maxMs: 5_000, jitter: 0.5 });
    while (!this.#gone) {
      try {
        await this.pool.warm(count);
        this.#warm = true;
        if (!this.#gone) this.#host.warmed();
        return;
      } catch {
        const pauseMs = pauses.next();
        await new Promise<void>((resolve) => clock.after(pauseMs, resolve));
      }
    }
  }
}

/** A login and an answer; a server that needs longer is itself in trouble. */
const KILL_LIMIT_MS = 5_000;
