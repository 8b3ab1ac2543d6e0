import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { Mesh } from 'fairlead';
import { createConnection } from 'fairlead/tcp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ownBytes } from '../harness/allocated.js';
import { connected, meshOf, proxyOf, TcpBackend } from './support.js';

/**
 * What a connection costs over two sockets and two pipes, in bytes, which no other work on the
 * machine can change. Microseconds are measured by `npm run bench -- tcp`, and hold nothing up.
 */
const CONNECTIONS = { calls: 200, concurrency: 10 };
const EXCHANGES = { calls: 2_000, concurrency: 10 };
/** Bytes are the same on a machine that is busy with something else; it only takes longer. */
const SLOW_MS = 240_000;

const echoing = (): Promise<TcpBackend> => new TcpBackend((socket) => void socket.pipe(socket)).listen();

async function exchange(socket: Socket): Promise<void> {
  socket.write('x');
  await once(socket, 'data');
}

async function closed(socket: Socket): Promise<void> {
  socket.resume().end();
  await once(socket, 'close');
}

describe('over three servers', () => {
  let servers: TcpBackend[];
  let mesh: Mesh;
  beforeEach(async () => {
    servers = await Promise.all([echoing(), echoing(), echoing()]);
    mesh = meshOf(
      servers.map(({ port }) => port),
      { health: [] },
    );
  });
  afterEach(async () => {
    await mesh?.close({ deadlineMs: 0 });
    await Promise.all((servers ?? []).map((server) => server[Symbol.asyncDispose]()));
  });

  it(
    'a connection allocates no more than its attempt and its lease',
    async () => {
      const bytes = await ownBytes(async () => {
        const socket = await createConnection(mesh, { service: 'users' });
        await exchange(socket);
        await closed(socket);
      }, CONNECTIONS);
      // 3,980 were measured.
      expect(bytes).toBeLessThan(5_000);
    },
    SLOW_MS,
  );

  it(
    'a proxied connection allocates no more than its tunnel, its attempt and its lease',
    async () => {
      await using running = await proxyOf(mesh);
      const bytes = await ownBytes(async () => {
        const socket = await connected(running.port);
        await exchange(socket);
        await closed(socket);
      }, CONNECTIONS);
      // 4,270 were measured.
      expect(bytes).toBeLessThan(5_300);
    },
    SLOW_MS,
  );

  it(
    'what goes over a proxied connection allocates nothing',
    async () => {
      await using running = await proxyOf(mesh);
      const idle = await Promise.all(Array.from({ length: EXCHANGES.concurrency }, () => connected(running.port)));
      const bytes = await ownBytes(async () => {
        const socket = idle.pop()!;
        await exchange(socket);
        idle.push(socket);
      }, EXCHANGES);
      for (const socket of idle) socket.destroy();
      expect(bytes).toBeLessThan(16);
    },
    SLOW_MS,
  );
});
