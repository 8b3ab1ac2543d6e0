import { createMesh, FairleadError, staticResolver } from 'fairlead';
import { ShardedRedis } from 'fairlead/redis';
import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { startRedis } from '../harness/index.js';

/** A user who may do all but choose a database, until told otherwise. */
const NO_SELECT = ['SETUSER', 'app', 'on', '>secret-of-app', '~*', '&*', '+@all', '-select'] as const;

/** The tests, with the ioredis that `ioredis` is in their file. */
export function databases(version: string): void {
  describe(`a database that a server refuses, with ioredis ${version}`, () => {
    it.each([true, false])(
      'gets nothing, nor does database 0, until it may be chosen (ready check %s)',
      async (check) => {
        await using server = await startRedis();
        const plain = new Redis(server.port, server.host);
        await plain.call('ACL', ...NO_SELECT);
        const mesh = createMesh({ resolver: staticResolver({ cache: [`${server.host}:${server.port}`] }) });
        const redis = new ShardedRedis(mesh, {
          service: 'cache',
          db: 3,
          username: 'app',
          password: 'secret-of-app',
          enableReadyCheck: check,
          downAfterMs: 200,
        });
        const errors: Error[] = [];
        redis.on('error', (error: Error) => errors.push(error));
        try {
          const failed = await redis.set('a', '1').catch((error: unknown) => error);
          expect(failed).toBeInstanceOf(FairleadError);
          expect(failed).toMatchObject({ code: 'FAIRLEAD_SHARD_UNAVAILABLE' });
          expect(String(failed)).toContain('Nothing was sent');
          await expect(redis.multi().set('b', '1').exec()).rejects.toThrow('Nothing was sent');
          await expect(redis.blpop('c', 1)).rejects.toThrow();
          expect(errors.some(({ message }) => message.includes('NOPERM'))).toBe(true);
          expect(await plain.call('INFO', 'keyspace')).not.toContain('db');

          await plain.call('ACL', 'SETUSER', 'app', '+select');
          await expect.poll(() => redis.set('a', '2').catch(() => undefined), { timeout: 20_000 }).toBe('OK');
          expect(await plain.call('INFO', 'keyspace')).toMatch(/db3:keys=1/);
          expect(await plain.call('INFO', 'keyspace')).not.toContain('db0');
        } finally {
          redis.disconnect();
          plain.disconnect();
          await mesh.close();
        }
      },
    );

    it('gets nothing where there is none of that number', async () => {
      await using server = await startRedis();
      const plain = new Redis(server.port, server.host);
      const mesh = createMesh({ resolver: staticResolver({ cache: [`${server.host}:${server.port}`] }) });
      const redis = new ShardedRedis(mesh, { service: 'cache', db: 99, downAfterMs: 200 });
      redis.on('error', () => {});
      try {
        await expect(redis.set('a', '1')).rejects.toThrow(/DB index is out of range.*Nothing was sent/);
        expect(await plain.call('INFO', 'keyspace')).not.toContain('db');
      } finally {
        redis.disconnect();
        plain.disconnect();
        await mesh.close();
      }
    });
  });
}
