import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createMesh, type EndpointInput, type Mesh, Outcome, type StaticResolver, staticResolver } from 'fairlead';
import { type Admin, createAdmin } from 'fairlead/admin';
import { createConfigStore } from 'fairlead/config';
import { createGateway } from 'fairlead/gateway';
import { type MeshMonitor, monitorMesh } from 'fairlead/monitor';
import { createPool } from 'fairlead/mysql/promise';
import { ShardedRedis } from 'fairlead/redis';
import { routeCalls, startCanary } from 'fairlead/routing';
import { SQL_USERS, startMysql, startRedis } from '../harness/index.js';
import { TOKEN } from './support.js';

const ZONES = ['eu-1a', 'eu-1b', 'eu-1c'];

/** What one server does: how long it takes, and how often it fails. */
interface Manner {
  readonly id: string;
  readonly ms: number;
  readonly fails?: number;
  readonly version?: string;
}

const USERS: readonly Manner[] = [
  { id: 'users-7f9c-a', ms: 6 },
  { id: 'users-7f9c-b', ms: 9 },
  { id: 'users-7f9c-c', ms: 8 },
  { id: 'users-7f9c-d', ms: 14 },
  { id: 'users-7f9c-e', ms: 7 },
  { id: 'users-7f9c-f', ms: 45 },
  { id: 'users-7f9c-g', ms: 5, fails: 1 },
  { id: 'users-8a01-h', ms: 7, version: '2' },
  { id: 'users-8a01-i', ms: 8, fails: 0.02, version: '2' },
];
const ORDERS: readonly Manner[] = Array.from({ length: 5 }, (_, i) => ({ id: `orders-${i + 1}`, ms: 12 + 4 * i }));

/** Real servers, real calls, real shards, and a page over it. */
export class World implements AsyncDisposable {
  readonly mesh: Mesh;
  readonly admin: Admin;
  readonly monitor: MeshMonitor;
  readonly url: string;
  readonly #resolver: StaticResolver;
  readonly #end: () => Promise<void>;

  private constructor(
    {
      mesh,
      admin,
      monitor,
      resolver,
    }: Pick<World, 'mesh' | 'admin' | 'monitor'> & { readonly resolver: StaticResolver },
    end: () => Promise<void>,
  ) {
    this.mesh = mesh;
    this.admin = admin;
    this.monitor = monitor;
    this.url = admin.address!;
    this.#resolver = resolver;
    this.#end = end;
  }

  /** Discovery lists no endpoint of it any more. */
  loseAll(service: string): void {
    this.#resolver.update(service, []);
  }

  static async start(): Promise<World> {
    const servers: Server[] = [];
    const list = async (manners: readonly Manner[]): Promise<EndpointInput[]> => {
      const started = await Promise.all(manners.map(serve));
      servers.push(...started);
      return manners.map(({ id, version = '1' }, i) => ({
        id,
        host: '127.0.0.1',
        port: (started[i]!.address() as AddressInfo).port,
        weight: i % 3 === 2 ? 2 : 1,
        zone: ZONES[i % 3]!,
        tags: ['http', `v${version}`],
        meta: { version },
      }));
    };
    const [sql, ...redis] = await Promise.all([startMysql({ replicas: 1 }), startRedis(), startRedis()]);
    const resolver = staticResolver({
      sql: [sql.primary, ...sql.replicas].map(({ host, port }, i) => ({ id: `db${i}`, host, port })),
      spare: ['127.0.0.1:1'],
      users: await list(USERS),
      orders: await list(ORDERS),
      cache: redis.map(({ host, port }, i) => ({ id: `cache-${i + 1}`, host, port })),
    });
    const mesh = createMesh({ resolver, defaults: { policy: 'peak_ewma', slowStart: { windowMs: 60_000 } } });
    const config = createConfigStore(mesh);
    const monitor = monitorMesh(mesh, { intervalMs: 500 });
    const admin = createAdmin(mesh, { token: TOKEN, config, monitor });
    await admin.listen();
    const cache = new ShardedRedis(mesh, { service: 'cache' });
    for (let i = 0; i < 200; i++) await cache.set(`session:${i}`, 'x');
    await config.apply({ services: { users: { policy: 'least_request' } } }, { author: 'deploy 4711' });
    await config.apply(
      {
        services: { users: { policy: 'peak_ewma', resilience: { deadlineMs: 800 } }, orders: { panicThreshold: 0.3 } },
      },
      { author: 'mara' },
    );
    const pool = createPool(mesh, { service: 'sql', ...SQL_USERS.app, database: sql.database, probeIntervalMs: 500 });
    await pool.query('SELECT 1');
    mesh.service('spare');
    createGateway(mesh, { routes: [{ name: 'users', match: { path: '/users/*' }, service: 'users' }] });
    const routing = routeCalls(mesh.service('users'), {
      split: { name: 'users-2', arms: { v2: { share: 5, version: '2' } } },
    });
    startCanary(routing, { arm: 'v2' });
    await knowTheBad(mesh);
    const stop = new AbortController();
    const load = [call(mesh, 'users', 14, stop.signal), call(mesh, 'orders', 4, stop.signal)];
    return new World({ mesh, admin, monitor, resolver }, async () => {
      stop.abort();
      await Promise.all(load);
      monitor.close();
      await cache.quit();
      await pool.end();
      await mesh.close({ deadlineMs: 2_000 });
      for (const server of servers) {
        server.closeAllConnections();
        server.close();
      }
      for (const each of [sql, ...redis]) await each[Symbol.asyncDispose]();
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#end();
  }
}

/** A policy that minds latency calls what fails so seldom that it would take long to be ejected. */
async function knowTheBad(mesh: Mesh): Promise<void> {
  for (let i = 0; i < 6; i++) {
    const lease = mesh.service('users').acquire({ prefer: 'users-7f9c-g' });
    const { host, port } = lease.endpoint.spec;
    const { ok } = await fetch(`http://${host}:${port}/`);
    lease.done(ok ? Outcome.Success : Outcome.Failure);
  }
}

async function serve({ ms, fails = 0 }: Manner): Promise<Server> {
  let n = 0;
  const server = createServer((_, response) => {
    // Every so many-th, not at random: the same picture each time.
    const failed = fails > 0 && ++n % Math.round(1 / fails) === 0;
    setTimeout(() => response.writeHead(failed ? 500 : 200).end('{}'), ms * (0.7 + 0.6 * ((n * 0.618) % 1)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

/** So many callers, each of whom calls again when it was answered. */
async function call(mesh: Mesh, name: string, callers: number, signal: AbortSignal): Promise<void> {
  const service = mesh.service(name);
  const run = async (caller: number): Promise<void> => {
    while (!signal.aborted) {
      await service
        .call(async ({ spec }, ended) => {
          const response = await fetch(`http://${spec.host}:${spec.port}/`, { signal: ended });
          await response.text();
          if (!response.ok) throw Object.assign(new Error('it failed'), { code: 'ECONNRESET' });
        })
        .catch(() => undefined);
      await sleep(10 + (caller % 5) * 8);
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, i) => run(i)));
}
