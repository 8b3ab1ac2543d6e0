import { once } from 'node:events';
import { createServer } from 'node:net';
import { createMesh, staticResolver } from 'fairlead';
import { ShardedRedis, type ShardedRedisOptions } from 'fairlead/redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../harness/ports.js';
import { endpointsOf, keyOnEach, type RedisServers, redisOver, startServers } from './support.js';

const EVENTS = ['connecting', 'connect', 'ready', 'close', 'reconnecting', 'end'] as const;

const KEYS = Array.from({ length: 500 }, (_, i) => `many:${i}`);

/** Events with the status at each. */
function watch(redis: ShardedRedis): string[] {
  const seen: string[] = [];
  for (const event of EVENTS) redis.on(event, () => seen.push(`${event} ${redis.status}`));
  redis.on('error', () => {});
  return seen;
}

describe('a client that connects', () => {
  let servers: RedisServers;
  beforeAll(async () => {
    servers = await startServers();
  });
  afterAll(async () => {
    await servers?.[Symbol.asyncDispose]();
  });

  async function overNothing(options: Partial<ShardedRedisOptions> = {}): Promise<ShardedRedis> {
    const ports = [await freePort('127.0.0.1'), await freePort('127.0.0.1')];
    const list = ports.map((port, i) => ({ id: `n${i}`, host: '127.0.0.1', port }));
    const mesh = createMesh({ resolver: staticResolver({ cache: list }) });
    return new ShardedRedis(mesh, { service: 'cache', lazyConnect: true, ...options });
  }

  it('emits each event under the status of its name', async () => {
    await using over = redisOver(servers.servers);
    const seen = watch(over.redis);
    await once(over.redis, 'ready');
    expect(seen).toEqual(['connecting connecting', 'connect connect', 'ready ready']);
  });

  it('begins with hundreds of shards over many turns, and answers what was sent before the first', async () => {
    const list = Array.from({ length: 300 }, (_, i) => ({ ...endpointsOf(servers.servers)[i % 3]!, id: `s${i}` }));
    const mesh = createMesh({ resolver: staticResolver({ cache: list }) });
    const redis = new ShardedRedis(mesh, { service: 'cache' });
    try {
      const seen = watch(redis);
      const answers = Promise.all(KEYS.map((key) => redis.set(key, key)));
      // 64 shards are made in a turn, and then as many begin to connect in each.
      expect(redis.nodes()).toHaveLength(0);
      await expect.poll(() => redis.nodes().length).toBe(300);
      expect(new Set(await answers)).toEqual(new Set(['OK']));
      if (redis.status !== 'ready') await once(redis, 'ready');
      expect(seen).toEqual(['connecting connecting', 'connect connect', 'ready ready']);
      expect(redis.nodes().filter(({ status }) => status !== 'ready')).toEqual([]);
      expect(await redis.mget(KEYS)).toEqual(KEYS);
    } finally {
      redis.disconnect();
      await mesh.close();
    }
    await expect.poll(() => redis.nodes().filter(({ status }) => status !== 'end').length).toBe(0);
  });

  it('rejects connect() when no server can be reached, goes on trying, and can be told to again', async () => {
    const redis = await overNothing();
    const seen = watch(redis);
    await expect(redis.connect()).rejects.toThrow('Connection is closed.');
    await expect.poll(() => redis.status).toBe('reconnecting');
    expect(seen).toEqual(['connecting connecting', 'close close', 'reconnecting reconnecting']);
    await expect(redis.connect()).rejects.toThrow('Connection is closed.');
    redis.disconnect();
    expect(redis.status).toBe('end');
  });

  it('rejects connect() when discovery names no server within connectTimeout', async () => {
    const redis = new ShardedRedis(createMesh(), { service: 'cache', lazyConnect: true, connectTimeout: 50 });
    await expect(redis.connect()).rejects.toMatchObject({ code: 'FAIRLEAD_NO_ENDPOINT', service: 'cache' });
    redis.disconnect();
  });

  it('refuses commands at once where discovery does not list the service, until it does', async () => {
    const resolver = staticResolver({ cahce: [] });
    const mesh = createMesh({ resolver });
    const redis = new ShardedRedis(mesh, { service: 'cache', commandTimeout: 600_000 });
    const said = { code: 'FAIRLEAD_NO_ENDPOINT', service: 'cache', message: expect.stringContaining("'cahce'") };
    // The first waits for what discovery has to say.
    await expect(redis.get('a')).rejects.toMatchObject(said);
    await expect(redis.get('a')).rejects.toMatchObject(said);
    await expect(redis.blpop('a', 0)).rejects.toMatchObject(said);
    expect(await redis.pipeline().get('a').exec()).toMatchObject([[said]]);
    await expect(redis.multi().get('a').exec()).rejects.toMatchObject({ code: 'FAIRLEAD_NO_ENDPOINT' });
    await expect(redis.subscribe('news')).rejects.toMatchObject(said);
    resolver.update('cache', endpointsOf(servers.servers));
    expect(await redis.set('listed', '1')).toBe('OK');
    redis.disconnect();
    await mesh.close();
  });

  it('rejects connect() when the servers accept and never answer', async () => {
    const silent = createServer(() => {}).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as { port: number };
    const mesh = createMesh({ resolver: staticResolver({ cache: [{ id: 'a', host: '127.0.0.1', port }] }) });
    const redis = new ShardedRedis(mesh, { service: 'cache', lazyConnect: true });
    await expect(redis.connect()).rejects.toThrow('Connection is closed.');
    redis.disconnect();
    silent.close();
  });

  it('says of commands under way when it is closed that they may have been executed, in the words of ioredis', async () => {
    // It hangs for less time than a shard needs to be down.
    await using over = redisOver(servers.servers, { probeIntervalMs: 60_000, downAfterMs: 60_000 });
    await over.redis.ping();
    const [key] = keyOnEach(over.redis);
    const server = servers.servers[0]!;
    await server.pause();
    const under = over.redis.incr(key!).catch((error: unknown) => error);
    await expect.poll(() => over.redis.shardStats()[0]?.inflight).toBe(1);
    over.redis.disconnect();
    await server.kill();
    await server.restart();
    expect(await under).toMatchObject({
      code: 'FAIRLEAD_UNCERTAIN',
      message: 'Connection is closed.',
      service: 'cache',
    });
  });

  it('ends when retryStrategy has given up every shard, as ioredis with its one', async () => {
    const redis = await overNothing({ retryStrategy: (times) => (times > 3 ? null : 5) });
    const seen = watch(redis);
    const ended = new Promise((resolve) => redis.once('end', resolve));
    redis.connect().catch(() => {});
    await ended;
    expect(seen.at(-1)).toBe('end end');
    await expect(redis.get('a')).rejects.toThrow('Connection is closed.');
  });

  it('tries a shard again that retryStrategy gave up beside others that answer', async () => {
    await using over = redisOver(servers.servers, { retryStrategy: () => null });
    over.redis.on('error', () => {});
    await over.redis.ping();
    const [, key] = keyOnEach(over.redis);
    await servers.servers[1]!.kill();
    await expect.poll(() => over.redis.get(key!).catch((error) => error.code)).toBe('FAIRLEAD_SHARD_UNAVAILABLE');
    expect(over.redis.status).toBe('ready');
    await servers.servers[1]!.restart();
    await expect.poll(() => over.redis.get(key!).catch((error) => error.code), { timeout: 5_000 }).toBe(null);
  });

  it('goes on when callbacks among its options throw, and says so', async () => {
    const errors: string[] = [];
    await using over = redisOver(servers.servers, {
      retryStrategy: () => {
        throw new Error('oops');
      },
      reconnectOnError: () => {
        throw new Error('ouch');
      },
    });
    over.redis.on('error', (error) => errors.push(error.message));
    await expect(over.redis.call('hset', 'a')).rejects.toThrow(/wrong number/);
    expect(errors).toEqual(['ShardedRedis.reconnectOnError threw: ouch']);
    over.redis.disconnect(true);
    expect(await over.redis.get('a')).toBe(null);
    expect(errors).toContain('ShardedRedis.retryStrategy threw: oops');
  });

  it('sends a command again after reconnecting where reconnectOnError says 2', async () => {
    let asked = 0;
    await using over = redisOver(servers.servers, {
      reconnectOnError: (error) => {
        asked++;
        return error.message.includes('WRONGTYPE') ? 2 : false;
      },
    });
    const { redis } = over;
    await redis.set('again', 'text');
    const pushed = redis.rpush('again', 'x');
    await expect.poll(() => asked).toBeGreaterThan(0);
    await redis.del('again');
    expect(await pushed).toBe(1);
    expect(await redis.lrange('again', 0, -1)).toEqual(['x']);
  });

  it('keeps to the database that was selected, by whatever connection a command goes', async () => {
    await using over = redisOver(servers.servers, {
      reconnectOnError: (error) => {
        if (!error.message.includes('WRONGTYPE')) return false;
        void other.del('both');
        return 2;
      },
    });
    const { redis } = over;
    const other = redis.duplicate({ db: 3 });
    await redis.rpush('queue', 'of 0');
    expect(await redis.blpop('queue', 1)).toEqual(['queue', 'of 0']);
    await redis.rpush('queue', 'of 0');
    void redis.select(3);
    void redis.rpush('queue', 'of 3');
    // The connection that is kept for commands that block is one of database 0.
    expect(await redis.blpop('queue', 1)).toEqual(['queue', 'of 3']);
    await expect(redis.select(9_999)).rejects.toThrow(/out of range/);
    expect(redis.options.db).toBe(3);
    await redis.set('both', 'text');
    const pushed = redis.rpush('both', 'a list after all');
    void redis.select(0);
    expect(await pushed).toBe(1);
    expect(await redis.exists('both')).toBe(0);
    expect(await other.lrange('both', 0, -1)).toEqual(['a list after all']);
    other.disconnect();
    expect(await redis.lpop('queue')).toBe('of 0');
  });

  it('sends what was asked right after disconnect(true) on the next connection', async () => {
    await using over = redisOver(servers.servers);
    await once(over.redis, 'ready');
    const keys = keyOnEach(over.redis);
    over.redis.disconnect(true);
    expect(await Promise.all(keys.map((key) => over.redis.exists(key)))).toEqual([0, 0, 0]);
  });

  it('runs blocking commands with enableOfflineQueue: false, and by their own time limit', async () => {
    await using over = redisOver(servers.servers, { enableOfflineQueue: false, blockingTimeout: 300 });
    await once(over.redis, 'ready');
    const started = performance.now();
    // A finite limit of the command's own is waited for; ioredis has the other for what waits for
    // ever.
    const popped = await Promise.all([over.redis.blpop('nothing', 0.6), over.redis.brpop('nothing', 0)]);
    expect(popped).toEqual([null, null]);
    expect(performance.now() - started).toBeGreaterThan(550);
    await over.redis.rpush('something', 'a');
    expect(await over.redis.blpop('something', 1)).toEqual(['something', 'a']);
  });

  it('leaves nothing that keeps the process alive after quit() with a shard down', async () => {
    const { execFile } = await import('node:child_process');
    const list = JSON.stringify([...endpointsOf(servers.servers), { id: 's9', host: '127.0.0.1', port: 1 }]);
    const script = `
      import { createMesh, staticResolver } from 'fairlead';
      import { ShardedRedis } from 'fairlead/redis';
      const mesh = createMesh({ resolver: staticResolver({ cache: ${list} }) });
      const redis = new ShardedRedis(mesh, { service: 'cache' });
      redis.on('error', () => {});
      await new Promise((resolve) => redis.once('ready', resolve));
      await redis.quit();
      await mesh.close();
      console.log(JSON.stringify(process.getActiveResourcesInfo().filter((name) => name === 'Timeout')));
      process.exit(0);
    `;
    const args = ['--conditions=fairlead-source', '--import', 'tsx', '--input-type=module', '-e', script];
    const printed = await new Promise<string>((resolve, reject) => {
      execFile(process.execPath, args, (error, stdout) => (error ? reject(error) : resolve(stdout)));
    });
    expect(JSON.parse(printed)).toEqual([]);
  });
});
