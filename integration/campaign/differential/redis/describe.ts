import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Redis, startRedis } from '../../../harness/index.js';
import { described, difference } from '../script.js';
import { seeds } from '../seeds.js';
import { redisPairing } from './pairing.js';

/** For each version of ioredis. */
export function describeRedis(version: string): void {
  describe(`a client over one server, beside ioredis ${version}`, () => {
    let server: Redis;
    beforeAll(async () => {
      server = await startRedis();
    });
    afterAll(() => server?.[Symbol.asyncDispose]());

    it.each(seeds('redis'))(
      'the script of seed %i is answered alike',
      async (seed) => {
        const found = await difference(redisPairing(`ioredis ${version}`, server), seed, 60);
        expect(found && described(found)).toBeUndefined();
      },
      300_000,
    );
  });
}
