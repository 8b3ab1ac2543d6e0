import type { ShardedRedis } from 'fairlead/redis';
import { afterAll, beforeAll } from 'vitest';
import { type RedisServers, redisOver, startServers } from './support.js';

/** Three servers and a client over them, for all tests of a suite: call it within `describe`. */
export function overThreeServers(use: (redis: ShardedRedis, servers: RedisServers['servers']) => void): void {
  const started: AsyncDisposable[] = [];
  beforeAll(async () => {
    const servers = await startServers();
    const over = redisOver(servers.servers);
    started.push(over, servers);
    use(over.redis, servers.servers);
  });
  afterAll(async () => {
    for (const each of started) await each[Symbol.asyncDispose]();
  });
}
