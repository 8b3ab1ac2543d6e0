import { EventEmitter } from 'node:events';
import {
  type Clock,
  type Endpoint,
  FairleadError,
  type Lease,
  type Mesh,
  Outcome,
  type Random,
  type Service,
  type Subset,
} from '../../../src/index.js';
import type { DriverPoolOptions } from '../common/driver-options.js';
import { mayPass, meaningOf } from '../common/errors.js';
import type { PoolSettings } from '../common/options.js';
import { type ConnectOptionsHost, connectOptions } from '../connections/connect-options.js';
import { EndpointPool } from '../connections/endpoint-pool.js';
import { prepareConnection } from '../connections/prepare.js';
import type { Checkout, CheckoutCallback } from './checkout.js';
import { Prober } from './prober.js';
import { noServer, twoPrimaries } from './refusals.js';
import { Replication } from './replication.js';
import { Search } from './search.js';

export interface ClusterOptions {
  readonly own: PoolSettings;
  readonly pool: DriverPoolOptions;
  readonly connection: Readonly<Record<string, unknown>>;
  readonly initStatements: readonly string[];
}

interface Node {
  readonly pool: EndpointPool;
  readonly prober: Prober;
  /** Its first connections are made, or none are wanted. */
  warm: boolean;
  /** Why it could not be asked for its role. */
  probeError: unknown;
}

/**
 * Events: `connection` for every new connection, `enqueue` when a caller waits, `change` when roles
 * or lag changed.
 */
export class Cluster extends EventEmitter {
  readonly service: Service;
  readonly replication: Replication = new Replication();
  readonly clock: Clock;
  readonly #random: Random;
  readonly #options: ClusterOptions;
  readonly #meshClosing: AbortSignal;
  readonly #connectTo: ConnectOptionsHost;
  readonly #nodes = new Map<Endpoint, Node>();
  /** Of servers that left discovery, while connections of theirs are in use. */
  readonly #leaving = new Set<EndpointPool>();
  readonly #primaries: Subset;
  readonly #replicas: Subset;
  readonly #stopListening: (() => void)[] = [];
  #closed = false;

  constructor(mesh: Mesh, options: ClusterOptions) {
    super();
    this.setMaxListeners(0);
    this.#options = options;
    this.clock = mesh.clock;
    this.#random = mesh.random;
    this.#meshClosing = mesh.closing;
    this.service = mesh.service(options.own.service);
    this.#connectTo = { clock: this.clock, service: this.service.name, connection: options.connection };
    const policy = options.own.policy === undefined ? {} : { policy: options.own.policy };
    this.#primaries = this.service.subset({ usable: (endpoint) => this.#isPrimary(endpoint) });
    this.#replicas = this.service.subset({ usable: (endpoint) => this.#isReadable(endpoint), ...policy });
    this.#stopListening.push(
      this.service.on('endpoints', ({ arrived, departed }) => {
        for (const endpoint of departed) this.#remove(endpoint);
        for (const endpoint of arrived) this.#add(endpoint);
        this.#changed();
      }),
    );
    for (const endpoint of this.service.endpoints) this.#add(endpoint);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** The endpoint of the primary, if there is exactly one that may be used. */
  get primary(): Endpoint | undefined {
    return this.#primaries.rotation[0];
  }

  get replicas(): readonly Endpoint[] {
    return this.#replicas.rotation;
  }

  /** Connections by server, for monitoring. */
  stats(): ReadonlyMap<Endpoint, EndpointPool['stats']> {
    return new Map([...this.#nodes].map(([endpoint, { pool }]) => [endpoint, pool.stats]));
  }

  /**
   * A connection to the primary, or to a replica that `tried` does not list; where no replica can
   * serve, to the primary. Waits for a server to be found and for a connection, both within
   * `acquireTimeoutMs`.
   */
  checkout(route: 'primary' | 'replica', tried: readonly Endpoint[], callback: CheckoutCallback): void {
    new Search(this, route, tried, callback).start();
  }

  /** For searches: who may serve this now. */
  subsetFor(route: 'primary' | 'replica', tried: readonly Endpoint[]): Subset | undefined {
    if (this.#closed) return undefined;
    const replicas = this.#replicas.rotation;
    if (
      route === 'replica' &&
      (tried.length === 0 ? replicas.length > 0 : replicas.some((each) => !tried.includes(each)))
    ) {
      return this.#replicas;
    }
    if (this.#primaries.rotation.length > 0) return this.#primaries;
    // Nobody to write to, but reads may go on, also on one that was tried.
    return route === 'replica' && replicas.length > 0 ? this.#replicas : undefined;
  }

  poolOf(endpoint: Endpoint): EndpointPool | undefined {
    return this.#nodes.get(endpoint)?.pool;
  }

  get acquireTimeoutMs(): number {
    return this.#options.own.acquireTimeoutMs;
  }

  /** Whether it is known to accept writes, alone or not. */
  isPrimary(endpoint: Endpoint): boolean {
    return this.replication.stateOf(endpoint).role === 'primary';
  }

  /**
   * A further call on a connection that is held: counted like any other. None where the endpoint
   * may not be picked.
   */
  leaseOn(endpoint: Endpoint): Lease | undefined {
    try {
      const lease = this.service.acquire({ prefer: endpoint.spec.id });
      if (lease.endpoint === endpoint) return lease;
      lease.done(Outcome.Cancelled);
    } catch {
      // Nobody may be picked now; a session in progress goes on all the same.
    }
    return undefined;
  }

  release(checkout: Checkout, outcome: Outcome): void {
    checkout.lease.done(outcome);
    checkout.pool.release(checkout.physical);
  }

  /** A statement found out that this server refuses writes: look again at all of them, at once. */
  demoted(endpoint: Endpoint): void {
    this.replication.demoted(endpoint);
    this.#changed();
    for (const { prober } of this.#nodes.values()) void prober.look();
  }

  /**
   * Refuses new callers and resolves when every connection in use has come back, or was cut after
   * `endTimeoutMs`.
   */
  async close(): Promise<void> {
    this.#closed = true;
    for (const stop of this.#stopListening) stop();
    this.#primaries.close();
    this.#replicas.close();
    this.emit('change');
    for (const { prober } of this.#nodes.values()) prober.close();
    const pools = [...this.#leaving, ...[...this.#nodes.values()].map(({ pool }) => pool)];
    const cut = this.clock.awaited(this.#options.own.endTimeoutMs, () => {
      for (const pool of pools) pool.abandon();
    });
    await Promise.all(pools.map((pool) => pool.close()));
    cut.cancel();
    this.#nodes.clear();
  }

  /** For searches: why waiting is in vain. */
  refusal(): unknown {
    if (this.#closed) return new FairleadError('FAIRLEAD_CLOSED', 'Pool is closed.', { service: this.service.name });
    // Nobody would hear of a server any more.
    if (this.#meshClosing.aborted) {
      const message = `The mesh is closed: the pool of service '${this.service.name}' takes no more calls.`;
      return new FairleadError('FAIRLEAD_CLOSED', message, { service: this.service.name });
    }
    return this.#tooManyPrimaries() ?? this.#refusedLogin();
  }

  /** For searches: why nobody was found. */
  noServer(route: 'primary' | 'replica'): FairleadError {
    const asked = [...this.#nodes.values()].find((node) => node.probeError !== undefined);
    return noServer(this.service, this.replication, route, asked?.probeError);
  }

  #tooManyPrimaries(): FairleadError | undefined {
    const { writable, unconfirmed } = this.replication;
    if (writable.length < 2 || unconfirmed.length > 0 || this.primary !== undefined) return undefined;
    return twoPrimaries(this.service, writable);
  }

  /**
   * What the servers said, where all of them know who asked and let nobody in: waiting would change
   * nothing.
   */
  #refusedLogin(): unknown {
    const errors = [...this.#nodes.values()].map(({ probeError }) => probeError);
    return errors.length > 0 && errors.every((error) => error !== undefined && !mayPass(error)) ? errors[0] : undefined;
  }

  #isPrimary(endpoint: Endpoint): boolean {
    const { writable } = this.replication;
    if (!writable.includes(endpoint) || this.#nodes.get(endpoint)?.warm !== true) return false;
    if (writable.length === 1) return true;
    if (this.#options.own.onTwoPrimaries === 'refuse') return false;
    const tagged = writable.filter((each) => each.spec.tags.includes('primary'));
    return tagged.length === 1 && tagged[0] === endpoint;
  }

  #isReadable(endpoint: Endpoint): boolean {
    const { role, lagMs } = this.replication.stateOf(endpoint);
    if (role !== 'replica' || this.#nodes.get(endpoint)?.warm !== true) return false;
    // NaN, no primary seen yet: old data beats none while there is nobody to be behind.
    return !(lagMs > this.#options.own.maxLagMs);
  }

  #add(endpoint: Endpoint): void {
    if (this.#nodes.has(endpoint)) return;
    const { own, pool: limits } = this.#options;
    const pool = new EndpointPool(
      { ...limits, maxLifetimeMs: own.maxLifetimeMs, maxConnecting: own.maxConnecting },
      {
        clock: this.clock,
        random: this.#random,
        endpointId: endpoint.spec.id,
        service: this.service.name,
        connectOptions: () => connectOptions(this.#connectTo, endpoint.spec, { password: limits.password }),
        prepare: (connection, done) => prepareConnection(connection, this.#options.initStatements, done),
        opened: (connection) => this.emit('connection', connection),
        enqueued: () => this.emit('enqueue'),
      },
    );
    const prober = new Prober(endpoint, {
      clock: this.clock,
      intervalMs: own.probeIntervalMs,
      timeoutMs: Math.max(own.probeIntervalMs, MIN_PROBE_TIMEOUT_MS),
      connectOptions: () => {
        const { password } = limits;
        return connectOptions(this.#connectTo, endpoint.spec, { password, ...own.probeUser, database: undefined });
      },
      probed: (each, probe) => {
        node.probeError = undefined;
        // It was gone and is back: what failed then says nothing about it now.
        if (probe.reconnected) {
          pool.resume();
          this.service.reportRecovered(each);
        }
        const doubted = this.replication.unconfirmed.length > 0;
        const changed = this.replication.probed(each, probe, this.clock.now());
        const { unconfirmed } = this.replication;
        if (changed || (doubted && unconfirmed.length === 0)) this.#changed();
        // The other one may just have been demoted, or be gone.
        for (const doubtful of unconfirmed) void this.#nodes.get(doubtful)?.prober.look();
      },
      failed: (each, error) => {
        node.probeError = error;
        // It was not asked: there is no password to log in with.
        if (error instanceof FairleadError) return;
        // A full server, or one that refuses this login, is alive: what is open there works on.
        const { outcome } = meaningOf(error, true);
        const alive = outcome === Outcome.Overloaded || outcome === Outcome.ApplicationError;
        if (alive) this.replication.unseen(each);
        const lost = !alive && this.replication.failed(each);
        if (lost) this.#nodes.get(each)?.pool.cut();
        this.#changed();
      },
    });
    const node: Node = { pool, prober, warm: own.minIdle === 0, probeError: undefined };
    this.#nodes.set(endpoint, node);
    if (!node.warm) void this.#warmUp(endpoint, node, own.minIdle);
  }

  /** Tries until it works: a server whose connections cannot be made must not serve. */
  async #warmUp(endpoint: Endpoint, node: Node, count: number): Promise<void> {
    for (let attempt = 0; this.#nodes.get(endpoint) === node && !this.#closed && !node.warm; attempt++) {
      try {
        await node.pool.warm(count);
        node.warm = true;
        this.#changed();
      } catch {
        await new Promise<void>((resolve) =>
          this.clock.after(Math.min(100 * 2 ** attempt, MAX_WARM_UP_PAUSE_MS), resolve),
        );
      }
    }
  }

  #remove(endpoint: Endpoint): void {
    const node = this.#nodes.get(endpoint);
    if (node === undefined) return;
    node.prober.close();
    this.#nodes.delete(endpoint);
    this.replication.forget(endpoint);
    // Transactions in progress finish; the pool is forgotten when the last connection is back.
    this.#leaving.add(node.pool);
    void node.pool.close().then(() => this.#leaving.delete(node.pool));
  }

  #changed(): void {
    this.#primaries.refresh();
    this.#replicas.refresh();
    this.emit('change');
  }
}

/** A server that needs longer to answer a probe is not one to send statements to. */
const MIN_PROBE_TIMEOUT_MS = 1_000;

/** Between attempts to warm a server up. */
const MAX_WARM_UP_PAUSE_MS = 5_000;
