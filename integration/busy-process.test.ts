import { type AddressInfo, createServer, type Socket } from 'node:net';
import { createMesh, staticResolver, systemClock } from 'fairlead';
import { ShardedRedis } from 'fairlead/redis';
import { ManualClock } from 'fairlead/testing';
import { expect, it } from 'vitest';
import { openConnection } from '../adapters/mysql/driver/driver.js';
import { freePort, SQL_USERS, startMysql } from './harness/index.js';
import { endpointsOf, startServers } from './redis/support.js';

/** A time to connect in that a server on loopback accepts many times over. */
const CONNECT_MS = 50;

/** The process does something else for so long: nothing is read, no timer fires. */
function busy(ms: number): void {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
}

/** Accepts, and never says a word. */
async function muteServer(): Promise<{ readonly port: number } & AsyncDisposable> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => sockets.add(socket.on('error', () => {}))).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return { port, [Symbol.asyncDispose]: close };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('takes no shard of Redis for dead that accepted while the process was busy', async () => {
  await using servers = await startServers();
  const mesh = createMesh({ resolver: staticResolver({ cache: endpointsOf(servers.servers) }) });
  const redis = new ShardedRedis(mesh, { service: 'cache', lazyConnect: true, connectTimeout: CONNECT_MS });
  const errors: string[] = [];
  redis.on('error', (error) => errors.push(String(error)));
  const connected = redis.connect();
  await turn();
  busy(4 * CONNECT_MS);
  await connected;
  expect(await redis.set('k', 'v')).toBe('OK');
  expect(errors).toEqual([]);
  redis.disconnect();
  await mesh.close();
});

it('still gives up on a shard of Redis that accepts and says nothing', async () => {
  await using mute = await muteServer();
  const { port } = mute;
  const mesh = createMesh({ resolver: staticResolver({ cache: [{ host: '127.0.0.1', port }] }) });
  const options = { service: 'cache', lazyConnect: true, connectTimeout: CONNECT_MS, tls: {} };
  const redis = new ShardedRedis(mesh, options);
  const error = new Promise((resolve) => redis.once('error', resolve));
  redis.connect().catch(() => {});
  expect(await error).toMatchObject({ code: 'ETIMEDOUT', syscall: 'connect' });
  redis.disconnect();
  await mesh.close();
});

/** How a connection to MySQL came to be, or did not. */
function ended(connection: ReturnType<typeof openConnection>): Promise<unknown> {
  return new Promise((resolve) => {
    connection.on('error', (error) => resolve((error as { code?: unknown }).code));
    connection.once('connect', () => resolve('connected'));
  }).finally(() => connection.destroy());
}

it('takes no MySQL server for dead that answered while the process was busy', async () => {
  await using topology = await startMysql();
  const { host, port } = topology.servers[0]!;
  const options = { host, port, ...SQL_USERS.app, connectTimeout: 4 * CONNECT_MS };
  const connection = openConnection(options, systemClock);
  await turn();
  busy(8 * CONNECT_MS);
  expect(await ended(connection)).toBe('connected');
});

it('still gives up on a MySQL server that accepts and says nothing', async () => {
  await using mute = await muteServer();
  const options = { host: '127.0.0.1', port: mute.port, connectTimeout: CONNECT_MS };
  expect(await ended(openConnection(options, systemClock))).toBe('ETIMEDOUT');
});

it('keeps nothing of a MySQL connection that was refused, or was cut as it was made', async () => {
  await using mute = await muteServer();
  const clock = new ManualClock();
  for (const port of [await freePort(), mute.port]) {
    const connection = openConnection({ host: '127.0.0.1', port, connectTimeout: 60_000 }, clock);
    connection.on('error', () => {});
    const { stream } = connection as unknown as { stream: Socket };
    if (port === mute.port) stream.once('connect', () => stream.destroy());
    await new Promise((resolve) => stream.once('close', resolve));
    expect(clock.pending).toBe(0);
  }
});
