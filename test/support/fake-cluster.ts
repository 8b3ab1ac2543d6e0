import {
  createMesh,
  type Endpoint,
  type EndpointInput,
  type Mesh,
  type StaticResolver,
  staticResolver,
} from 'fairlead';
import { CallerContext } from 'fairlead/adapter';
import { ManualClock, seededRandom } from 'fairlead/testing';
import type { Checkout } from '../../adapters/mysql/cluster/checkout.js';
import { Cluster } from '../../adapters/mysql/cluster/cluster.js';
import type { PoolStatus } from '../../adapters/mysql/cluster/status.js';
import { type RouteChoice, readPoolOptions } from '../../adapters/mysql/common/options.js';
import { FakeMysql, fakeDriver, turns } from './fake-mysql.js';

/**
 * A cluster over servers that are none: `db0` accepts writes at first, `db1` and further ones
 * follow it.
 */
export class FakeCluster {
  readonly clock: ManualClock = new ManualClock(1_000);
  readonly servers: readonly FakeMysql[];
  readonly resolver: StaticResolver;
  readonly mesh: Mesh;
  readonly cluster: Cluster;
  readonly results: unknown[] = [];
  /** As of each change of roles, or of where statements go. */
  readonly statuses: PoolStatus[] = [];
  readonly checkouts: Checkout[] = [];
  readonly #open: ReturnType<typeof fakeDriver>;
  readonly #host: string;
  /** What a new connection to each port leads to. */
  readonly #ports: Map<number, FakeMysql>;

  constructor(count: number, options: Record<string, unknown> = {}, host = '127.0.0.1') {
    this.#host = host;
    this.servers = Array.from({ length: count }, (_, i) => new FakeMysql(i > 0));
    this.resolver = staticResolver({ db: this.inputs() });
    this.mesh = createMesh({ resolver: this.resolver, clock: this.clock, random: seededRandom(1) });
    this.#ports = new Map(this.servers.map((server, i) => [3_000 + i, server]));
    this.#open = fakeDriver(this.#ports);
    this.cluster = this.another(options);
  }

  /** As a further pool of the mesh makes it. */
  another(options: Record<string, unknown> = {}): Cluster {
    const { own, pool, connection } = readPoolOptions({ service: 'db', user: 'app', ...options });
    const cluster: Cluster = new Cluster(this.mesh, {
      own,
      pool,
      connection,
      initStatements: [],
      opened: () => {},
      enqueued: () => this.results.push('enqueued'),
      rolesChanged: () => this.statuses.push(cluster.status()),
      open: this.#open,
    });
    return cluster;
  }

  inputs(...ids: number[]): EndpointInput[] {
    const listed = ids.length > 0 ? ids : this.servers.map((_, i) => i);
    return listed.map((i) => ({ id: `db${i}`, host: this.#host, port: 3_000 + i }));
  }

  /** New connections to an endpoint lead to another server: its name was moved. */
  move(i: number, server: FakeMysql): void {
    this.#ports.set(3_000 + i, server);
  }

  endpoint(i: number): Endpoint {
    return this.cluster.service.endpoints.find(({ spec }) => spec.id === `db${i}`)!;
  }

  get inflight(): number {
    return this.cluster.service.endpoints.reduce((sum, { inflight }) => sum + inflight, 0);
  }

  /** Asks for a connection; where it got one, or what it was refused for, is added to `results`. */
  checkout(route: RouteChoice = 'replica', tried: readonly Endpoint[] = []): void {
    const took = (error: unknown, checkout?: Checkout): void => {
      if (checkout !== undefined) this.checkouts.push(checkout);
      this.results.push(checkout?.endpoint.spec.id ?? (error as { code?: string }).code);
    };
    this.cluster.checkout(route, tried, { caller: new CallerContext(), took });
  }

  /** Lets time pass in steps, with what it causes. */
  async pass(ms: number, stepMs = 50): Promise<void> {
    await turns();
    for (let left = ms; left > 0; left -= stepMs) {
      this.clock.advance(Math.min(stepMs, left));
      await turns();
    }
  }
}
