import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdapter, createShardedAdapter } from '@socket.io/redis-adapter';
import { createAdapter as createStreamsAdapter } from '@socket.io/redis-streams-adapter';
import Bull from 'bull';
import { Queue } from 'bullmq';
import type { ShardedRedis } from 'fairlead/redis';
import { Server as SocketServer } from 'socket.io';
import { io as connect, type Socket } from 'socket.io-client';
import { describe, expect, it } from 'vitest';
import { overThreeServers } from './suite.js';
import { keyOnEach } from './support.js';

/** Their types name the class of one version of ioredis. */
// biome-ignore lint/suspicious/noExplicitAny: see above
const as = (redis: unknown): any => redis;

/** docs/redis-libraries.md: a test for each of its lines. */
describe('queues and sockets over three servers', () => {
  let redis: ShardedRedis;
  overThreeServers((client) => {
    redis = client;
  });

  it('Bull 4 needs a tag as its prefix, and createClient without a ready check', async () => {
    const clients: ShardedRedis[] = [];
    const createClient = () => {
      const client = redis.duplicate({ enableReadyCheck: false }) as ShardedRedis;
      clients.push(client);
      return as(client);
    };
    const queues = keyOnEach(redis, 'bull').map((key) => {
      const name = key.replace(':', '');
      return new Bull<{ n: number }>(name, { prefix: `{${name}}`, createClient });
    });
    for (const queue of queues) {
      const tries = new Map<string, number>();
      void queue.process('*', async (job) => {
        const attempt = (tries.get(String(job.id)) ?? 0) + 1;
        tries.set(String(job.id), attempt);
        if (job.name === 'flaky' && attempt === 1) throw new Error('once more');
        return job.data.n * 2;
      });
      const jobs = await Promise.all([
        queue.add('plain', { n: 1 }),
        queue.add('delayed', { n: 2 }, { delay: 50 }),
        queue.add('flaky', { n: 3 }, { attempts: 2, backoff: 10 }),
      ]);
      expect(await Promise.all(jobs.map((job) => job.finished()))).toEqual([2, 4, 6]);
      expect(await queue.getJobCounts()).toMatchObject({ completed: 3, failed: 0 });
    }
    await Promise.all(queues.map((queue) => queue.close()));
    for (const client of clients) client.disconnect();
  });

  it('BullMQ and Bull without a tag are refused, and write nothing', async () => {
    const names = keyOnEach(redis, 'untagged').map((key) => key.replace(':', ''));
    const createClient = () => as(redis.duplicate({ enableReadyCheck: false }));
    const queue = new Bull(names[0]!, { createClient });
    queue.on('error', () => {});
    await expect(queue.add({})).rejects.toMatchObject({ code: 'FAIRLEAD_CROSS_SHARD' });
    const modern = new Queue(names[1]!, { connection: as(redis) });
    await modern.waitUntilReady();
    await expect(modern.add('job', {})).rejects.toMatchObject({ code: 'FAIRLEAD_CROSS_SHARD' });
    await modern.close();
    expect((await redis.keys('bull:*')).filter((key) => !key.endsWith(':meta'))).toEqual([]);
    for (const client of [as(queue).client, as(queue).eclient, as(queue).bclient]) client?.disconnect();
  });

  const adapters: [string, (pub: unknown, sub: unknown) => unknown][] = [
    ['@socket.io/redis-adapter', (pub, sub) => createAdapter(pub, sub)],
    ['@socket.io/redis-adapter, sharded', (pub, sub) => createShardedAdapter(pub, sub)],
    ['@socket.io/redis-streams-adapter', (pub) => createStreamsAdapter(pub)],
  ];

  it.each(adapters)('%s needs nothing', async (_, createOne) => {
    const clients: ShardedRedis[] = [];
    const client = (): ShardedRedis => {
      clients.push(redis.duplicate() as ShardedRedis);
      return clients.at(-1)!;
    };
    const nodes = [0, 1].map(() => {
      const http = createServer();
      const io = new SocketServer(http, { adapter: as(createOne(client(), client())), transports: ['polling'] });
      io.on('connection', (socket) => {
        socket.join('all');
        socket.on('ask', (text: string, answer: (text: string) => void) => answer(text));
      });
      return { http, io };
    });
    const sockets: Socket[] = [];
    try {
      for (const { http } of nodes) {
        await new Promise<void>((resolve) => void http.listen(0, '127.0.0.1', resolve));
        const { port } = http.address() as AddressInfo;
        for (let i = 0; i < 3; i++) sockets.push(connect(`http://127.0.0.1:${port}`, { transports: ['polling'] }));
      }
      const heard = new Map<Socket, Set<string>>(sockets.map((socket) => [socket, new Set()]));
      for (const socket of sockets) socket.on('news', (text: string) => void heard.get(socket)!.add(text));
      await expect.poll(() => sockets.every(({ connected }) => connected), { timeout: 10_000 }).toBe(true);
      const [{ io: one }, { io: two }] = nodes as [(typeof nodes)[0], (typeof nodes)[0]];
      // Nodes hear of each other in a moment.
      await expect
        .poll(
          async () =>
            (
              await one
                .in('all')
                .fetchSockets()
                .catch(() => [])
            ).length,
          { timeout: 15_000 },
        )
        .toBe(sockets.length);
      one.emit('news', 'to all');
      two.to('all').emit('news', 'to the room');
      one.to(sockets.at(-1)!.id!).emit('news', 'to one');
      const expected = sockets.map((_, i) => (i === sockets.length - 1 ? 3 : 2));
      await expect.poll(() => sockets.map((socket) => heard.get(socket)!.size), { timeout: 10_000 }).toEqual(expected);
      two.on('between', (text: string, answer: (text: string) => void) => answer(`${text}!`));
      expect(await one.serverSideEmitWithAck('between', 'hello')).toEqual(['hello!']);
    } finally {
      for (const socket of sockets) socket.disconnect();
      for (const { io } of nodes) await io.close();
      for (const each of clients) each.disconnect();
    }
  });
});
