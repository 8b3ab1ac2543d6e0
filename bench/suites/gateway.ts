import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { createMesh, staticResolver } from 'fairlead';
import { createGateway, type GatewayOptions } from 'fairlead/gateway';
import fastProxy from 'fast-proxy';
import httpProxy from 'http-proxy-3';
import { BalancedPool } from 'undici';
import type { Case, Contender, Suite } from '../runner/suite.js';
import { startHttpServers } from '../support/http-servers.js';
import { type Peers, startPeers } from '../support/peer-proxies.js';
import { cpuUsOf, rssMiBOf } from '../support/process-usage.js';

interface World {
  readonly ports: readonly number[];
  readonly peers: Peers;
  /** The program that plays the clients, in a process of its own: only the proxy is measured. */
  readonly load: string;
}

/** `pid`: of the proxy, which is this process unless it is a program of its own. */
function loaded(port: number, { load }: World, close: () => unknown, pid = process.pid): Contender {
  const clients = fork(load, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], execArgv: [] });
  return {
    run: async (operations) => {
      const before = cpuUsOf(pid);
      const beganMs = performance.now();
      clients.send({ port, operations });
      const [{ error }] = (await once(clients, 'message')) as [{ readonly error?: string }];
      if (error !== undefined) throw new Error(error);
      const seconds = (performance.now() - beganMs) / 1_000;
      return {
        proxyUs: (cpuUsOf(pid) - before) / operations,
        rps: operations / seconds,
        rssMiB: rssMiBOf(pid),
      };
    },
    close: () => {
      clients.disconnect();
      void close();
    },
  };
}

async function serving(world: World, handle: RequestListener): Promise<Contender> {
  const server: Server = createServer(handle).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return loaded((server.address() as AddressInfo).port, world, () => {
    server.closeAllConnections();
    server.close();
  });
}

const urls = ({ ports }: World): string[] => ports.map((port) => `http://127.0.0.1:${port}`);

/** What one writes by hand: Node's server and undici, and nothing else that a proxy must do. */
function streaming(world: World): Promise<Contender> {
  const pool = new BalancedPool(urls(world), { connections: 64 });
  return serving(world, ({ method = 'GET', url = '/', headers }, response) => {
    const { connection: _, host: __, 'keep-alive': ___, ...rest } = headers;
    pool
      .stream({ origin: 'http://127.0.0.1', method: method as 'GET', path: url, headers: rest }, (got) => {
        response.writeHead(got.statusCode, got.headers);
        return response;
      })
      .catch(() => response.destroy());
  });
}

async function gateway(world: World, options: Partial<GatewayOptions> = {}): Promise<Contender> {
  const endpoints = world.ports.map((port) => `127.0.0.1:${port}`);
  const mesh = createMesh({ resolver: staticResolver({ users: endpoints }) });
  const made = createGateway(mesh, { routes: [{ service: 'users' }], ...options });
  return loaded(await made.listen(0, '127.0.0.1'), world, () => mesh.close({ deadlineMs: 0 }));
}

const program =
  (name: keyof Peers) =>
  (world: World): Contender =>
    loaded(world.peers[name].port, world, () => {}, world.peers[name].pid);

const manyRoutes: GatewayOptions['routes'] = [
  ...Array.from({ length: 10_000 }, (_, i) => ({ match: { path: `/v1/s${i}/*` }, service: 'users' })),
  { service: 'users' },
];

const small: Case<World> = {
  title: 'GET of 100 bytes, 64 at once',
  operations: 4_000,
  warmups: 4,
  measure: 'proxyUs',
  baseline: 'node:http + BalancedPool.stream',
  contenders: {
    'node:http + BalancedPool.stream': streaming,
    'fairlead gateway': (world) => gateway(world),
    'fairlead gateway, 10,000 routes': (world) => gateway(world, { routes: manyRoutes }),
    'http-proxy-3': (world) => {
      const proxy = httpProxy.createProxyServer({});
      let turn = 0;
      const targets = urls(world);
      return serving(world, (request, response) =>
        proxy.web(request, response, { target: targets[turn++ % targets.length]! }, () => response.destroy()),
      );
    },
    'fast-proxy': (world) => {
      const { proxy } = fastProxy({ base: urls(world)[0]!, undici: { connections: 64 } });
      return serving(world, (request, response) => proxy(request as never, response as never, request.url!, {}));
    },
    nginx: program('nginx'),
    haproxy: program('haproxy'),
  },
  targets: { 'fairlead gateway': 1.1, 'fairlead gateway, 10,000 routes': 1.1 },
};

export const suite: Suite<World> = {
  about: 'createGateway beside node:http + BalancedPool, http-proxy-3, fast-proxy, nginx and HAProxy',
  rounds: 9,
  start: async () => {
    const { world: ports, stop } = await startHttpServers();
    const { peers, stop: stopPeers } = await startPeers(ports);
    return {
      world: { ports, peers, load: fileURLToPath(new URL('../support/http-load.mjs', import.meta.url)) },
      stop: async () => {
        await stopPeers();
        await stop();
      },
    };
  },
  cases: [small],
};
