import { fork } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { createMesh, staticResolver } from 'fairlead';
import { createTcpProxy } from 'fairlead/tcp';
import type { Case, Contender, Suite } from '../runner/suite.js';
import { startTcpServers, type TcpWorld } from '../support/tcp-servers.js';

/** What the clients do, in a process of their own: only the proxy's CPU is counted. */
interface Load {
  readonly bytes: number;
  readonly connections: number;
  readonly churn: boolean;
}

function loaded(port: number, { load }: TcpWorld, what: Load, close: () => void): Contender {
  const clients = fork(load, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], execArgv: [] });
  return {
    run: async (operations) => {
      clients.send({ ...what, port, operations });
      const [{ error }] = (await once(clients, 'message')) as [{ readonly error?: string }];
      if (error !== undefined) throw new Error(error);
      return undefined;
    },
    close: () => {
      clients.disconnect();
      close();
    },
  };
}

/** What one writes by hand: a socket for each, and two pipes. */
async function piping(world: TcpWorld, what: Load): Promise<Contender> {
  let turn = 0;
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const port = world.ports[turn++ % world.ports.length]!;
    const upstream = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    client.on('error', () => upstream.destroy());
    upstream.on('error', () => client.destroy());
    client.pipe(upstream);
    upstream.pipe(client);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return loaded((server.address() as AddressInfo).port, world, what, () => void server.close());
}

async function proxying(world: TcpWorld, what: Load): Promise<Contender> {
  const mesh = createMesh({
    resolver: staticResolver({ servers: world.ports.map((port) => `127.0.0.1:${port}`) }),
  });
  const proxy = createTcpProxy(mesh, { service: 'servers' });
  const { port } = await proxy.listen({ port: 0, host: '127.0.0.1' });
  return loaded(port, world, what, () => void mesh.close({ deadlineMs: 0 }));
}

const caseOf = (title: string, operations: number, what: Load): Case<TcpWorld> => ({
  title,
  operations,
  baseline: 'two pipes',
  contenders: {
    'two pipes': (world) => piping(world, what),
    'fairlead createTcpProxy': (world) => proxying(world, what),
  },
  targets: { 'fairlead createTcpProxy': 1 },
});

export const suite: Suite<TcpWorld> = {
  about: 'createTcpProxy beside two pipes: small answers, large ones, a connection for each',
  rounds: 21,
  start: startTcpServers,
  cases: [
    caseOf('small: 100 bytes over 16 kept connections', 8_000, { bytes: 100, connections: 16, churn: false }),
    caseOf('bulk: 1 MB over 8 kept connections', 300, { bytes: 1_000_000, connections: 8, churn: false }),
    caseOf('churn: a connection for each 100 bytes', 1_500, { bytes: 100, connections: 16, churn: true }),
  ],
};
