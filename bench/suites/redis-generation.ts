import { createMesh, staticResolver } from 'fairlead';
import { ShardedRedis } from 'fairlead/redis';
import type { Case, Contender, Suite } from '../runner/suite.js';
import { atOnce } from '../support/loop.js';
import { type Address, startThreeRedis } from '../support/redis-servers.js';

const CONCURRENCY = 100;
const VALUE = 'x'.repeat(64);
const KEYS = Array.from({ length: 10_000 }, (_, i) => `user:${i}:profile`);

const client =
  (onFailure: 'fail' | 'next', what: 'get' | 'set') =>
  async (servers: readonly Address[]): Promise<Contender> => {
    const endpoints = servers.map((address, i) => ({ id: `s${i}`, ...address }));
    const redis = new ShardedRedis(createMesh({ resolver: staticResolver({ cache: endpoints }) }), {
      service: 'cache',
      onFailure,
    });
    return {
      run: async (operations) => {
        await atOnce(operations, CONCURRENCY, (i) => {
          const key = KEYS[i % KEYS.length]!;
          return what === 'get' ? redis.get(key) : redis.set(key, VALUE);
        });
        return undefined;
      },
      close: () => redis.disconnect(),
    };
  };

const comparing = (what: 'get' | 'set'): Case<readonly Address[]> => ({
  title: `${what.toUpperCase()}, ${CONCURRENCY} at once`,
  operations: 10_000,
  baseline: 'fail',
  contenders: { fail: client('fail', what), 'next, with generation': client('next', what) },
});

export const suite: Suite<readonly Address[]> = {
  about: "what the namespaces of the quarantine 'generation' cost a command",
  rounds: 15,
  start: startThreeRedis,
  cases: [comparing('set'), comparing('get')],
};
