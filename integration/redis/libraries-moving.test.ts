import { type ConnectionOptions, Queue, Worker } from 'bullmq';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Redis as Server, startRedis } from '../harness/index.js';
import { endpointsOf, redisOver, type TestRedis } from './support.js';

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const names = Array.from({ length: 12 }, (_, i) => `queue${i}`);

describe('BullMQ, while servers join, leave and are killed', () => {
  let servers: Server[];
  beforeAll(async () => {
    servers = await Promise.all(Array.from({ length: 4 }, () => startRedis({ persist: true })));
  });
  afterAll(async () => {
    await Promise.all((servers ?? []).map((server) => server[Symbol.asyncDispose]()));
  });

  it('runs every job that was added, with its data', async () => {
    const handover = { windowMs: 20_000, settleMs: 500 };
    await using producing = redisOver(servers.slice(0, 3), { handover });
    await using working = redisOver(servers.slice(0, 3), { handover });
    const clients = [producing, working];
    for (const { redis } of clients) redis.on('error', () => {});
    const added = new Map<string, string>();
    const run = new Map<string, number>();
    const bare: unknown[] = [];
    const failed = new Map<string, number>();
    const fail = (where: string) => (error: Error & { code?: string }) => {
      const what = `${where}: ${error.code ?? error.message}`;
      failed.set(what, (failed.get(what) ?? 0) + 1);
    };
    const connectionOf = ({ redis }: TestRedis): ConnectionOptions => redis as unknown as ConnectionOptions;
    const queues = names.map((name) => new Queue(name, { connection: connectionOf(producing), prefix: `{${name}}` }));
    const workers = names.map(
      (name) =>
        new Worker(
          name,
          async ({ data, id }) => {
            // Slower than they are added: a change has jobs to bring that none has begun.
            await pause(2);
            if (typeof data?.n !== 'string') bare.push(id);
            else run.set(data.n, (run.get(data.n) ?? 0) + 1);
          },
          {
            ...{ connection: connectionOf(working), prefix: `{${name}}`, concurrency: 4 },
            ...{ lockDuration: 5_000, stalledInterval: 1_000, maxStalledCount: 50 },
          },
        ),
    );
    for (const queue of queues) queue.on('error', fail('queue'));
    for (const worker of workers) worker.on('error', fail('worker'));
    let [running, n] = [true, 0];
    const produce = async (): Promise<void> => {
      while (running) {
        const [queue, id] = [queues[n % queues.length]!, `job-${n}`];
        const delay = n % 5 === 0 ? 300 : 0;
        n++;
        await queue
          .add('job', { n: id }, { jobId: id, delay, attempts: 3, removeOnComplete: 100 })
          .then(() => added.set(id, queue.name), fail('add'));
      }
    };
    const producers = Promise.all(Array.from({ length: 8 }, produce));
    const list = async (...present: number[]): Promise<void> => {
      const all = endpointsOf(servers);
      for (const { resolver } of clients) {
        resolver.update(
          'cache',
          present.map((at) => all[at]!),
        );
        await pause(100);
      }
      await pause(2_500);
    };
    await pause(500);
    await list(0, 1, 2, 3);
    await list(1, 2, 3);
    await servers[1]!.kill();
    await pause(500);
    await servers[1]!.restart();
    await list(0, 1, 2, 3);
    await list(0, 1, 2);
    running = false;
    await producers;
    const missing = (): string[] => [...added.keys()].filter((id) => !run.has(id));
    await expect
      .poll(() => missing().length, { timeout: 90_000 })
      .toBe(0)
      .catch(() => {});
    console.log(
      `added ${added.size}, run ${run.size}, without data ${bare.length}`,
      [...failed],
      JSON.stringify(clients.map(({ redis }) => redis.handover?.moved)),
    );
    await Promise.all([...workers, ...queues].map((each) => each.close()));
    expect(bare).toEqual([]);
    expect(missing()).toEqual([]);
    expect(added.size).toBeGreaterThan(50);
  }, 180_000);
});
