import { createRequire } from 'node:module';
import { seededRandom } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { readShardedOptions } from '../../../../adapters/redis/common/options.js';

const require = createRequire(import.meta.url);
const read = (options: object) => readShardedOptions({ service: 'cache', ...options }, seededRandom(1));

describe('options of ioredis', () => {
  it.each(['ioredis', 'ioredis5'])(
    'are known as far as %s has a default for them, used or refused by name',
    (driver) => {
      const { DEFAULT_REDIS_OPTIONS } = require(`${driver}/built/redis/RedisOptions.js`) as {
        DEFAULT_REDIS_OPTIONS: Readonly<Record<string, unknown>>;
      };
      const names = Object.keys(DEFAULT_REDIS_OPTIONS);
      expect(names.length).toBeGreaterThan(30);
      const unknown = names.filter((name) => {
        try {
          read({ [name]: DEFAULT_REDIS_OPTIONS[name] });
          return false;
        } catch (error) {
          return (error as Error).message.includes('is not an option');
        }
      });
      expect(unknown).toEqual([]);
    },
  );

  it('go to every connection', () => {
    const options = {
      username: 'app',
      db: 3,
      tls: { servername: 'redis' },
      connectTimeout: 7,
      maxRetriesPerRequest: null,
    };
    expect(read(options).driver).toMatchObject(options);
  });

  it.each([true, false, 'RedisCloudFixed', { profile: 'RedisCloudFlexible' as const, servername: 'redis' }])(
    'encrypt as ioredis does, by %j',
    (tls) => {
      expect(read({ tls }).driver.tls).toEqual(tls);
    },
  );

  it('are numbers where ioredis reads one from a text, and unset where it takes null for that', () => {
    expect(read({ db: '7', commandTimeout: null, connectTimeout: null }).driver).toMatchObject({
      db: 7,
      commandTimeout: undefined,
      connectTimeout: undefined,
    });
    expect(read({ db: null, connectTimeout: 0 }).driver).toMatchObject({ db: undefined, connectTimeout: 0 });
  });

  it.each<[string, object, RegExp]>([
    ['a database that is none', { db: 'x' }, /ShardedRedis\.db is "x": allowed is the number of a database/],
    ['one that no server has', { db: -1 }, /db is -1/],
    ['a time limit of no time', { commandTimeout: 0 }, /commandTimeout is 0: allowed is a number .* above 0/],
    ['one in a text', { commandTimeout: '5000' }, /commandTimeout is "5000"/],
    ['one that no timer takes', { connectTimeout: Number.POSITIVE_INFINITY }, /connectTimeout is Infinity/],
    ['one that is no number', { socketTimeout: Number.NaN }, /socketTimeout is NaN/],
    ['a misspelt option of ours', { onFailre: 'next' }, /onFailre is not an option: there are service, .*onFailure/],
    ['a misspelt one of ioredis', { comandTimeout: 5 }, /comandTimeout is not an option: .*commandTimeout/],
    ['where the server is', { host: 'x' }, /host is "x": allowed is unset: servers come from the service/],
    ['what belongs to sentinels', { sentinelCommandTimeout: 5 }, /sentinelCommandTimeout is 5: .*sentinels/],
    ['connections that would be monitors', { monitor: true }, /monitor is true: .*redis.monitor\(\)/],
    ['subscriptions that would be lost', { autoResubscribe: false }, /autoResubscribe is false: allowed is true/],
    ['other numbers of retries', { maxRetriesPerRequest: 3 }, /is 3: allowed is null or 0/],
    ['a misspelt option of TLS', { tls: { serverName: 'x' } }, /ShardedRedis\.tls\.serverName is not an option/],
    [
      'a text for TLS that is no profile',
      { tls: 'false' },
      /ShardedRedis\.tls is "false": allowed is an object .* true,/,
    ],
    ['another value for it', { tls: 1 }, /ShardedRedis\.tls is 1: allowed is an object/],
    ['a misspelt profile', { tls: { profile: 'RedisCloud' } }, /tls\.profile is "RedisCloud": .*RedisCloudFixed/],
    ['where the server is, in TLS', { tls: { host: 'x' } }, /tls\.host is "x": allowed is unset: servers come from/],
    ['a socket for all', { tls: { socket: {} } }, /tls\.socket is "set": allowed is unset/],
    ['what would send a command twice', { autoResendUnfulfilledCommands: true }, /is true: allowed is false/],
  ])('refuse %s', (_, options, message) => {
    expect(() => read(options)).toThrow(message);
    expect(() => read(options)).toThrow(expect.objectContaining({ code: 'FAIRLEAD_INVALID_OPTION' }));
  });

  it('show no password that they refuse', () => {
    expect(() => read({ sentinelPassword: 'hunter2' })).toThrow(/^(?!.*hunter2).*sentinelPassword/);
  });
});
