import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createDispatcher } from 'fairlead/http';
import { fetch } from 'undici';
import { type Neighbour, type NeighbourContext, register } from './neighbour.js';

/** Mean service times in milliseconds. */
const SERVERS = { maple: 3, oak: 5, pine: 12 } as const;

/** Three servers of this process, asked by fetch. */
export async function startHttp({ mesh, registry }: NeighbourContext): Promise<Neighbour> {
  const servers = await Promise.all(Object.values(SERVERS).map(serve));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await register(registry, 'catalog', Object.fromEntries(Object.keys(SERVERS).map((id, i) => [id, ports[i]!])));
  const dispatcher = createDispatcher(mesh);
  const stopNow = (): void => {
    for (const server of servers) server.close().closeAllConnections();
  };
  return {
    title: 'catalog (HTTP)',
    work: async (i) => {
      const response = await fetch(`http://catalog/items/${i}`, { dispatcher });
      if ((await response.text()) !== `/items/${i}`) throw new Error('an answer to another question');
    },
    hurt: () => void servers[0]!.close().closeAllConnections(),
    stop: async () => {
      await dispatcher.close();
      stopNow();
    },
    stopNow,
  };
}

async function serve(meanMs: number): Promise<Server> {
  const server = createServer((request, response) => {
    setTimeout(() => response.end(request.url), meanMs * (0.5 + Math.random()));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}
