import { createMesh, staticResolver } from 'fairlead';
import { ShardedRedis, type ShardedRedisOptions } from 'fairlead/redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CANARY, printed } from '../../test/support/canaries.js';
import { type Redis as Server, startRedis } from '../harness/index.js';
import { endpointsOf } from './support.js';

describe('a Redis password', () => {
  let servers: Server[];
  beforeAll(async () => {
    servers = await Promise.all([startRedis({ password: 'right' }), startRedis({ password: 'right' })]);
  });
  afterAll(async () => {
    await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
  });

  const over = (options: Partial<ShardedRedisOptions>): ShardedRedis => {
    const mesh = createMesh({ resolver: staticResolver({ cache: endpointsOf(servers) }) });
    return new ShardedRedis(mesh, { service: 'cache', ...options });
  };

  it.each([{ protocol: 2 as const }, { protocol: 3 as const }, { protocol: 3 as const, username: 'default' }])(
    'that is wrong is in no error and in nothing that is printed, with %j',
    async (options) => {
      const redis = over({ password: CANARY, ...options });
      const seen: unknown[] = [redis];
      redis.on('error', (error) => seen.push(error));
      const rejections = [redis.get('a'), redis.mget('a', 'b', 'c', 'd'), redis.blpop('a', 1), redis.subscribe('a')];
      seen.push(...(await Promise.allSettled(rejections)));
      seen.push(await redis.pipeline().get('a').set('b', 1).exec());
      seen.push(
        await redis
          .multi()
          .get('a')
          .exec()
          .catch((error: unknown) => error),
      );
      seen.push(...redis.nodes(), ...redis.nodes().map((node) => node.options));
      expect(seen.length).toBeGreaterThan(8);
      expect(seen.some((thing) => /WRONGPASS/.test(printed(thing)))).toBe(true);
      for (const thing of seen) expect(printed(thing)).not.toContain(CANARY);
      redis.disconnect();
    },
  );

  it('is not repeated by a server that does not know the command', async () => {
    await using server = await startRedis({ args: ['--rename-command', 'AUTH', '', '--rename-command', 'HELLO', ''] });
    const mesh = createMesh({ resolver: staticResolver({ cache: endpointsOf([server]) }) });
    const redis = new ShardedRedis(mesh, { service: 'cache', password: CANARY });
    const seen: unknown[] = [];
    redis.on('error', (error) => seen.push(error));
    await redis.get('a').catch((error: unknown) => seen.push(error));
    await redis.auth(CANARY).catch((error: unknown) => seen.push(error));
    redis.disconnect();
    expect(seen.length).toBeGreaterThan(2);
    for (const thing of seen) {
      expect(printed(thing)).toContain('args beginning with: (hidden)');
      expect(printed(thing)).not.toContain(CANARY);
    }
  });

  it('that is right, or is changed or set later, is not printed either', async () => {
    const redis = over({ password: 'right' });
    const seen: unknown[] = [];
    redis.on('error', (error) => seen.push(error));
    await redis.get('a');
    await redis.blpop('a', 0.01);
    for (const attempt of [
      () => redis.auth(CANARY),
      () => redis.auth('somebody', CANARY),
      () => redis.call('HELLO', '3', 'AUTH', 'default', CANARY),
      () => redis.config('SET', 'requirepass', CANARY, 'nonsense'),
      () => redis.acl('SETUSER', 'somebody', `>${CANARY}`, 'nonsense'),
      () => redis.shard('s0').auth(CANARY),
      () => redis.pipeline().auth(CANARY).exec(),
    ]) {
      seen.push(await (attempt() as Promise<unknown>).catch((error: unknown) => error));
    }
    for (const thing of [...seen, redis, redis.options, ...redis.nodes()]) {
      expect(printed(thing)).not.toContain(CANARY);
      expect(printed(thing)).not.toContain('right');
    }
    // What programs ask for is there.
    const error = (await redis
      .shard('s0')
      .auth(CANARY)
      .catch((thrown: unknown) => thrown)) as { command: object };
    expect(error.command).toEqual({ name: 'auth', args: ['(hidden)'] });
    redis.disconnect();
  });

  it('is known to every connection that is made later', async () => {
    const redis = over({});
    redis.on('error', () => {});
    await expect(redis.get('a')).rejects.toThrow(/NOAUTH/);
    redis.disconnect();
    const later = over({ password: 'right' });
    expect(await later.duplicate().ping()).toBe('PONG');
    expect(await later.blpop('nothing', 0.01)).toBe(null);
    expect(await later.subscribe('a')).toBe(1);
    expect(later.options.password).toBe('right');
    later.disconnect();
  });
});
