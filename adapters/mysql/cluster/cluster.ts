import { isUnlisted } from '../../../src/adapter.js';
import {
  type Clock,
  type Endpoint,
  type Explanation,
  FairleadError,
  type Lease,
  type Mesh,
  Outcome,
  type PolicySpec,
  type Service,
  type Subset,
} from '../../../src/index.js';
import type { DriverPoolOptions } from '../common/driver-options.js';
import type { EndpointRoute, PoolSettings, RouteChoice } from '../common/options.js';
import type { EndpointPool } from '../connections/endpoint-pool.js';
import type { DriverConnection } from '../driver/driver.js';
import { Checkout, type Taker } from './checkout.js';
import { probersOf } from './probers.js';
import { noServer, unknownServer } from './refusals.js';
import type { Replication } from './replication.js';
import { RoleNews } from './role-news.js';
import type { Roles } from './roles.js';
import type { ServerContext } from './server.js';
import { ServerSet } from './server-set.js';
import { type PoolStatus, type StatusContext, signatureOf, statusOf } from './status.js';
import { serverOfThread } from './threads.js';
import { WaitingCaller } from './waiting-caller.js';

export interface ClusterOptions {
  readonly own: PoolSettings;
  readonly pool: DriverPoolOptions;
  readonly connection: Readonly<Record<string, unknown>>;
  readonly initStatements: readonly string[];
  /** A new connection is made. */
  opened(connection: DriverConnection): void;
  /** A caller waits for a connection, because all are in use. */
  enqueued(): void;
  /** Another server is written to or read from, or one has another role. */
  rolesChanged(): void;
  /** For tests; default: mysql2. */
  readonly open?: (options: Record<string, unknown>) => DriverConnection;
}

/**
 * The servers behind a pool: which of them is written to, which are read from, and connections to
 * them.
 */
export class Cluster {
  readonly service: Service;
  readonly clock: Clock;
  /** Callers that no server can serve now. */
  readonly waiting: Set<WaitingCaller> = new Set();
  readonly #settings: PoolSettings;
  readonly #meshClosing: AbortSignal;
  readonly #servers: ServerSet;
  readonly #roles: Roles;
  readonly #primaries: Subset;
  readonly #replicas: Subset;
  readonly #rolesChanged: () => void;
  readonly #stopListening: readonly (() => void)[];
  #signature = '';
  #closed = false;

  constructor(mesh: Mesh, options: ClusterOptions) {
    const { own, connection } = options;
    const { clock, random } = mesh;
    this.#settings = own;
    this.clock = clock;
    this.#meshClosing = mesh.closing;
    const service = mesh.service(own.service);
    this.service = service;
    const { allowPublicKeyRetrieval } = own;
    const connectTo = { clock, service: service.name, connection, allowPublicKeyRetrieval };
    const probers = probersOf(mesh);
    const context: ServerContext = { ...options, clock, random, service, connectTo, probers };
    const news = new RoleNews(service);
    // Made before any server is looked at: a policy that is refused leaves nothing behind.
    let roles: Roles | undefined;
    const subset = (whyNot: 'whyNotWritten' | 'whyNotRead', policy?: PolicySpec): Subset =>
      service.subset({
        usable: (each) => roles !== undefined && roles[whyNot](each) === undefined,
        ...(policy !== undefined && { policy }),
      });
    this.#replicas = subset('whyNotRead', own.policy);
    this.#primaries = subset('whyNotWritten');
    this.#servers = new ServerSet(context, {
      changed: () => this.#changed(),
      opened: options.opened,
      enqueued: () => {
        news.full();
        options.enqueued();
      },
    });
    roles = this.#servers.roles;
    this.#roles = roles;
    this.#rolesChanged = () => {
      news.changed(statusOf(this.#statusContext()));
      options.rolesChanged();
    };
    this.#stopListening = [
      service.on('endpoints', ({ arrived, departed }) => this.#servers.apply(arrived, departed)),
      service.on('rotation', () => this.#told()),
      service.on('error', () => void (isUnlisted(service.discovery) && this.#tellWaiting())),
    ];
  }

  get replication(): Replication {
    return this.#roles.replication;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get acquireTimeoutMs(): number {
    return this.#settings.acquireTimeoutMs;
  }

  /** The endpoint of the primary, if there is exactly one that may be used. */
  get primary(): Endpoint | undefined {
    return this.#primaries.rotation[0];
  }

  get replicas(): readonly Endpoint[] {
    return this.#replicas.rotation;
  }

  /** What is known of each server, and where statements go. */
  status(): PoolStatus {
    return statusOf(this.#statusContext());
  }

  /** Connections by server, for monitoring. */
  stats(): ReadonlyMap<Endpoint, EndpointPool['stats']> {
    return new Map([...this.#servers.all].map(({ endpoint, pool }) => [endpoint, pool.stats]));
  }

  /**
   * A connection to the primary, or to a replica that `tried` does not list; where no replica can
   * serve, to the primary. Reports at once where there is an idle one; else waits for a server
   * and for a connection, both within `acquireTimeoutMs`.
   */
  checkout(route: RouteChoice, tried: readonly Endpoint[], taker: Taker): void {
    this.search(route, tried, taker, undefined);
  }

  /** As `checkout`; `waiting` is the caller itself where it has waited before. */
  search(route: RouteChoice, tried: readonly Endpoint[], taker: Taker, waiting: WaitingCaller | undefined): void {
    let lease: Lease | undefined;
    try {
      lease =
        typeof route === 'object'
          ? this.#leaseAt(route)
          : this.#subsetFor(route, tried)?.acquire(tried.length === 0 ? undefined : { tried });
    } catch (error) {
      taker.took(error);
      return;
    }
    if (lease === undefined) {
      const refusal = this.refusal();
      if (refusal !== undefined) taker.took(refusal);
      else (waiting ?? new WaitingCaller(this, route, tried, taker)).forServer();
      return;
    }
    const pool = this.#servers.get(lease.endpoint)?.pool;
    if (pool === undefined) {
      lease.done(Outcome.Cancelled);
      taker.took(this.noServer(route));
      return;
    }
    const idle = pool.takeIdle();
    if (idle !== undefined) taker.took(null, new Checkout(lease.endpoint, idle, pool, lease));
    else (waiting ?? new WaitingCaller(this, route, tried, taker)).forConnection(pool, lease);
  }

  /** Why which server; undefined where no server may serve this now. */
  explain(route: 'primary' | 'replica'): Explanation | undefined {
    return this.#subsetFor(route, [])?.explain();
  }

  /** For waiting callers. */
  isDecided(route: RouteChoice, tried: readonly Endpoint[]): boolean {
    return typeof route === 'object' || this.#subsetFor(route, tried) !== undefined || this.refusal() !== undefined;
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
      return this.#servers.get(endpoint)?.lease();
    } catch {
      // It may not be picked now; a session in progress goes on all the same.
      return undefined;
    }
  }

  release(checkout: Checkout, outcome: Outcome): void {
    checkout.lease.done(outcome);
    checkout.pool.release(checkout.physical);
  }

  /** Where a statement goes that names this thread id: see `serverOfThread`. */
  forThread(threadId: number): EndpointRoute | FairleadError | undefined {
    return serverOfThread(this.service.name, this.#servers.all, threadId);
  }

  /** Ends what runs on the connection with this thread id of this server. */
  killQuery(endpoint: Endpoint, threadId: number | null, done: (error: unknown) => void): void {
    const server = this.#servers.get(endpoint);
    if (server === undefined || threadId === null) done(unknownServer(this.service, endpoint.spec.id));
    else server.killQuery(threadId).then(() => done(null), done);
  }

  /** What the primary's position is by now is of use: looks at it within the next 50 ms. */
  lookSoon(): void {
    const { primary } = this;
    if (primary !== undefined) this.#servers.get(primary)?.prober.lookSoon();
  }

  /** A statement found out that this server refuses writes. */
  demoted({ endpoint, physical }: Checkout): void {
    // Its name may lead to the primary, and this connection to the one before.
    if (this.#servers.get(endpoint)?.hasName === true) physical.retired = true;
    this.#servers.demoted(endpoint);
  }

  /**
   * Refuses new callers and resolves when every connection in use has come back, or was cut after
   * `endTimeoutMs`, or after `limitMs` where that is shorter.
   */
  async close(limitMs: number = Number.POSITIVE_INFINITY): Promise<void> {
    this.#closed = true;
    for (const stop of this.#stopListening) stop();
    this.#primaries.close();
    this.#replicas.close();
    this.#tellWaiting();
    this.#servers.stop();
    await this.#servers.close(Math.min(limitMs, this.#settings.endTimeoutMs));
  }

  /** Why waiting is in vain, if it is. */
  refusal(): unknown {
    // First: it closes the pool, and nothing would report a server any more.
    if (this.#meshClosing.aborted) {
      const message = `The mesh is closed: the pool of service '${this.service.name}' takes no more calls.`;
      return new FairleadError('FAIRLEAD_CLOSED', message, { service: this.service.name });
    }
    if (this.#closed) return new FairleadError('FAIRLEAD_CLOSED', 'Pool is closed.', { service: this.service.name });
    if (isUnlisted(this.service.discovery)) return this.noServer('replica');
    return (this.primary === undefined ? this.#roles.tooManyPrimaries() : undefined) ?? this.#servers.refusedLogin;
  }

  /** Why no server was found in time. */
  noServer(route: RouteChoice): FairleadError {
    return noServer(this.service, this.replication, route, (each) => this.#servers.get(each)?.probeError);
  }

  /** On one server that its caller named, whatever is known of it. */
  #leaseAt({ endpoint }: EndpointRoute): Lease | undefined {
    if (this.refusal() !== undefined) return undefined;
    const server = this.#servers.byId(endpoint);
    if (server === undefined) throw unknownServer(this.service, endpoint);
    return server.lease();
  }

  #statusContext(): StatusContext {
    const { service, primary, replicas } = this;
    const nowMs = this.clock.now();
    return { service, roles: this.#roles, servers: this.#servers.all, primary, replicas, nowMs };
  }

  /** Who may serve this now. */
  #subsetFor(route: 'primary' | 'replica', tried: readonly Endpoint[]): Subset | undefined {
    if (this.#closed || !this.#servers.surveyed) return undefined;
    const replicas = this.#replicas.rotation;
    if (
      route === 'replica' &&
      (tried.length === 0 ? replicas.length > 0 : replicas.some((each) => !tried.includes(each)))
    ) {
      return this.#replicas;
    }
    if (this.#primaries.rotation.length > 0) return this.#primaries;
    // There is no server to write to, but reads may go on, also on one that was tried.
    return route === 'replica' && replicas.length > 0 ? this.#replicas : undefined;
  }

  #changed(): void {
    this.#primaries.refresh();
    this.#replicas.refresh();
    this.#told();
  }

  /** Who may be used is another one, or may be. */
  #told(): void {
    this.#tellWaiting();
    const signature = signatureOf(this.#statusContext());
    if (signature === this.#signature || this.#closed) return;
    this.#signature = signature;
    this.#rolesChanged();
  }

  /** Those that wait again meanwhile are notified the next time. */
  #tellWaiting(): void {
    for (const caller of [...this.waiting]) if (this.waiting.has(caller)) caller.changed();
  }
}
