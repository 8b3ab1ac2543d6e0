import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * Ports are drawn below the range from which Linux takes the local ports of outgoing connections
 * (32768 and up, `ip_local_port_range`): otherwise a client's connection could sit on a server's
 * port while that server is down, and its restart on the same port would fail now and then.
 */
const LOWEST = 12_000;
const HIGHEST = 32_000;

/** Ports already promised to a server of this process that may not have bound them yet. */
const promised = new Set<number>();

function canListen(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** A TCP port nobody listens on at `host`; never the same one twice in a process. */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  for (let tries = 0; tries < 200; tries += 1) {
    const port = randomInt(LOWEST, HIGHEST);
    if (promised.has(port)) continue;
    promised.add(port);
    if (await canListen(host, port)) return port;
  }
  throw new Error(`no free TCP port between ${LOWEST} and ${HIGHEST} on ${host}`);
}

/** The bus of a Redis Cluster listens so much higher than the node. */
const CLUSTER_BUS = 10_000;

/** A free port whose bus port is free as well; neither is given to anybody else. */
export async function freeClusterPort(host = '127.0.0.1'): Promise<number> {
  for (let tries = 0; tries < 200; tries += 1) {
    const port = await freePort(host);
    const bus = port + CLUSTER_BUS;
    if (bus >= HIGHEST || promised.has(bus)) continue;
    promised.add(bus);
    if (await canListen(host, bus)) return port;
  }
  throw new Error(`no free pair of TCP ports, ${CLUSTER_BUS} apart, on ${host}`);
}

/** `count` different free ports. */
export function freePorts(count: number, host?: string): Promise<number[]> {
  return Promise.all(Array.from({ length: count }, () => freePort(host)));
}
