import { type ConnectionOptions, FlowProducer, Queue, QueueEvents, Worker } from 'bullmq';
import type { ShardedRedis } from 'fairlead/redis';
import { RateLimiterRedis } from 'rate-limiter-flexible';
import { describe, expect, it } from 'vitest';
import { overThreeServers } from './suite.js';
import { keyOnEach } from './support.js';

describe('libraries that know nothing of it, over three servers', () => {
  let redis: ShardedRedis;
  overThreeServers((client) => {
    redis = client;
  });

  it('BullMQ runs jobs of queues on different shards, with delays, retries and events', async () => {
    const connection = redis as unknown as ConnectionOptions;
    const names = keyOnEach(redis, 'queue').map((key) => key.replace(':', ''));
    expect(new Set(names.map((name) => redis.shardFor(`{${name}}:x`))).size).toBeGreaterThan(1);
    for (const name of names) {
      // A tag keeps the keys of one queue together, as on a cluster.
      const options = { connection, prefix: `{${name}}` };
      const queue = new Queue(name, options);
      const events = new QueueEvents(name, options);
      await events.waitUntilReady();
      // It asks for events from now on, by XREAD; what happened before that it would miss, over any
      // client.
      const shard = redis.shard(redis.shardFor(`{${name}}:x`));
      await expect.poll(async () => await shard.info('clients')).toMatch(/blocked_clients:[1-9]/);
      const tries = new Map<string, number>();
      const worker = new Worker(
        name,
        async (job) => {
          const attempt = (tries.get(job.name) ?? 0) + 1;
          tries.set(job.name, attempt);
          if (job.name === 'flaky' && attempt === 1) throw new Error('once more');
          return job.data.n * 2;
        },
        options,
      );
      const jobs = await Promise.all([
        queue.add('plain', { n: 1 }),
        queue.add('delayed', { n: 2 }, { delay: 50 }),
        queue.add('flaky', { n: 3 }, { attempts: 2, backoff: 10 }),
      ]);
      const results = await Promise.all(jobs.map((job) => job.waitUntilFinished(events, 10_000)));
      expect(results).toEqual([2, 4, 6]);
      expect(tries.get('flaky')).toBe(2);
      expect(await queue.getJobCounts('completed', 'failed')).toEqual({ completed: 3, failed: 0 });
      await worker.close();
      await events.close();
      await queue.close();
    }
    const producer = new FlowProducer({ connection, prefix: `{${names[0]}}` });
    const flow = await producer.add({
      name: 'parent',
      queueName: names[0]!,
      children: [{ name: 'child', queueName: names[0]!, data: {} }],
    });
    expect(flow.children).toHaveLength(1);
    await producer.close();
    expect(redis.status).toBe('ready');
  });

  it('rate-limiter-flexible counts each client on its shard', async () => {
    const limiter = new RateLimiterRedis({ storeClient: redis, points: 3, duration: 60, keyPrefix: 'limit' });
    for (const client of ['ann', 'bob', 'cleo', 'dan', 'eve']) {
      for (let i = 0; i < 3; i++) expect((await limiter.consume(client)).remainingPoints).toBe(2 - i);
      await expect(limiter.consume(client)).rejects.toMatchObject({ remainingPoints: 0 });
      expect((await limiter.get(client))?.consumedPoints).toBe(4);
      expect(await redis.shard(redis.shardFor(`limit:${client}`)).exists(`limit:${client}`)).toBe(1);
      expect(await limiter.delete(client)).toBe(true);
    }
  });
});
