import { FairleadError } from 'fairlead';
import { CrossShardError, PartialResultError, type ShardedRedis } from 'fairlead/redis';
import { Command, Redis } from 'ioredis';
import { beforeEach, describe, expect, it } from 'vitest';
import { HastyMonitor } from './hasty-monitor.js';
import { overThreeServers } from './suite.js';
import { keyOnEach, type RedisServers, redisOver } from './support.js';

/** The specification of the client, run for each version of ioredis. */
export function describeCommands(version: string): void {
  describe(`over three servers, by ioredis ${version}`, () => {
    let servers: RedisServers['servers'];
    let redis: ShardedRedis;
    overThreeServers((client, started) => {
      redis = client;
      servers = started;
    });
    beforeEach(async () => {
      await redis.flushall();
    });

    it('is an ioredis', () => {
      expect(redis).toBeInstanceOf(Redis);
      expect(redis.status).toBe('ready');
    });

    it('keeps each key on the shard that it names', async () => {
      for (let i = 0; i < 60; i++) await redis.set(`k:${i}`, `v${i}`);
      for (let i = 0; i < 60; i++) {
        const name = redis.shardFor(`k:${i}`);
        expect(await redis.shard(name).get(`k:${i}`)).toBe(`v${i}`);
      }
      const sizes = await Promise.all(redis.nodes().map((node) => node.dbsize()));
      expect(sizes.every((size) => size > 0)).toBe(true);
      expect(await redis.dbsize()).toBe(60);
    });

    it('sorts what lies on one shard, by patterns that name no key as well', async () => {
      await redis.rpush('{n}:list', '3', '1', '2');
      expect(await redis.call('sort', '{n}:list', 'BY', 'nosort')).toEqual(['3', '1', '2']);
      expect(await redis.call('sort', '{n}:list', 'BY', 'nosort', 'GET', '#', 'DESC', 'LIMIT', 0, 2)).toHaveLength(2);
      expect(await redis.sort('{n}:list', 'STORE', '{n}:sorted')).toBe(3);
      expect(await redis.lrange('{n}:sorted', 0, -1)).toEqual(['1', '2', '3']);
      const [a, b] = keyOnEach(redis);
      await expect(redis.sort(a!, 'STORE', b!)).rejects.toBeInstanceOf(CrossShardError);
    });

    it('tells the deadline of commands, as a whole and for each connection', () => {
      expect(redis.options.commandTimeout).toBe(5_000);
      expect(redis.nodes().map(({ options }) => options.commandTimeout)).toEqual([5_000, 5_000, 5_000]);
    });

    it('serves callbacks and Buffer variants', async () => {
      const set = await new Promise((resolve, reject) =>
        redis.set('cb', 'x', (error, reply) => (error ? reject(error) : resolve(reply))),
      );
      expect(set).toBe('OK');
      expect(await redis.getBuffer('cb')).toEqual(Buffer.from('x'));
      const binary = Buffer.from([0xff, 0x00, 0xfe]);
      await redis.set(binary, binary);
      expect(await redis.getBuffer(binary)).toEqual(binary);
      await redis.hset('h', { a: 1, b: 2 });
      expect(await redis.hgetall('h')).toEqual({ a: '1', b: '2' });
    });

    it('rejects with the error of the server', async () => {
      await redis.set('text', 'x');
      await expect(redis.lpush('text', 'y')).rejects.toThrow(/WRONGTYPE/);
    });

    it('splits MGET, MSET, DEL, EXISTS, UNLINK and TOUCH', async () => {
      const keys = [...keyOnEach(redis, 'a'), ...keyOnEach(redis, 'b')];
      expect(await redis.mset(Object.fromEntries(keys.map((key) => [key, `v-${key}`])))).toBe('OK');
      const asked = [keys[3]!, 'missing', ...keys, keys[0]!];
      expect(await redis.mget(asked)).toEqual(asked.map((key) => (key === 'missing' ? null : `v-${key}`)));
      expect((await redis.mgetBuffer(asked))[0]).toEqual(Buffer.from(`v-${keys[3]}`));
      expect(await redis.exists(...keys, keys[0]!, 'missing')).toBe(keys.length + 1);
      expect(await redis.touch(...keys)).toBe(keys.length);
      expect(await redis.unlink(keys[0]!, keys[1]!, 'missing')).toBe(2);
      expect(await redis.del(...keys)).toBe(keys.length - 2);
    });

    it('applies transformers of arguments and replies once, also to what is split or asked of all', async () => {
      const { argument, reply } = (Command as unknown as { _transformer: Transformers })._transformer;
      const before = { argument: { ...argument }, reply: { ...reply } };
      const keys = keyOnEach(redis);
      try {
        const json = (args: unknown[]): string[] =>
          args.map((arg, i) => (i % 2 === 0 ? String(arg) : JSON.stringify(arg)));
        Command.setArgumentTransformer('mset', json);
        Command.setArgumentTransformer('subscribe', (names) => names.map((name) => `app:${name}`));
        Command.setReplyTransformer('mget', (replies: string[]) => replies.map((each) => JSON.parse(each)));
        for (const name of ['del', 'keys', 'scan', 'dbsize']) {
          Command.setReplyTransformer(name, (whole: unknown) => ({ whole }));
        }
        await redis.mset(...keys.flatMap((key) => [key, { of: key }] as never[]));
        expect(await redis.get(keys[1]!)).toBe(`{"of":"${keys[1]}"}`);
        expect(await redis.mget(...keys)).toEqual(keys.map((of) => ({ of })));
        expect(await redis.dbsize()).toEqual({ whole: 3 });
        const { whole } = (await redis.keys('*')) as unknown as { whole: string[] };
        expect(whole.sort()).toEqual([...keys].sort());
        expect(await redis.scan('0', 'COUNT', 100)).toEqual({ whole: [expect.any(String), expect.any(Array)] });
        expect(await redis.del(...keys)).toEqual({ whole: 3 });
        const subscriber = redis.duplicate() as ShardedRedis;
        await subscriber.subscribe('news');
        expect(await redis.pubsub('CHANNELS')).toEqual(['app:news']);
        subscriber.disconnect();
      } finally {
        for (const [kind, known] of Object.entries(before)) {
          const now = kind === 'argument' ? argument : reply;
          for (const name of Object.keys(now)) if (!(name in known)) delete now[name];
          Object.assign(now, known);
        }
      }
    });

    it('refuses other commands over several shards before anything is sent', async () => {
      const [one, two] = keyOnEach(redis) as [string, string];
      await redis.set(one, 'x');
      const error = await redis.rename(one, two).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(error).toBeInstanceOf(CrossShardError);
      expect(error).toMatchObject({
        code: 'FAIRLEAD_CROSS_SHARD',
        keys: [one, two],
        shards: [redis.shardFor(one), redis.shardFor(two)],
      });
      expect(await redis.get(one)).toBe('x');
      expect(error).not.toBeInstanceOf(PartialResultError);
    });

    it('keeps keys with one {tag} together', async () => {
      await redis.set('{user:7}:a', '1');
      expect(await redis.rename('{user:7}:a', '{user:7}:b')).toBe('OK');
      expect(redis.shardFor('{user:7}:b')).toBe(redis.shardFor('user:7'));
    });

    it('takes hostile keys as any others', async () => {
      const keys = ['__proto__', 'constructor', '', 'x'.repeat(1_000_000), '{', '{}', '\u0000', '💥', '0'];
      await redis.mset(new Map(keys.map((key, i) => [key, String(i)])));
      expect(await redis.mget(keys)).toEqual(keys.map((_, i) => String(i)));
      expect(await redis.del(...keys)).toBe(keys.length);
      expect(Object.keys(Object.prototype)).toEqual([]);
    });

    it('splits pipelines and gives results in order, errors in their slots', async () => {
      const keys = keyOnEach(redis);
      const pipeline = redis.pipeline();
      for (const key of keys) pipeline.set(key, key).get(key);
      pipeline.lpush(keys[0]!, 'x').mget(keys).rename(keys[0]!, keys[1]!).get(keys[2]!);
      const results = (await pipeline.exec())!;
      expect(results.slice(0, 6).map(([, value]) => value)).toEqual(keys.flatMap((key) => ['OK', key]));
      expect(String(results[6]![0])).toMatch(/WRONGTYPE/);
      expect(results[7]![1]).toEqual(keys);
      expect(results[8]![0]).toBeInstanceOf(CrossShardError);
      expect(results[9]).toEqual([null, keys[2]]);
    });

    it('runs MULTI on one shard, and refuses it over several without sending any of it', async () => {
      const [one, two] = keyOnEach(redis) as [string, string];
      const done = await redis.multi().set(`{${one}}:n`, 1).incr(`{${one}}:n`).exec();
      expect(done).toEqual([
        [null, 'OK'],
        [null, 2],
      ]);
      await expect(redis.multi().set(one, 1).set(two, 2).exec()).rejects.toBeInstanceOf(CrossShardError);
      expect(await redis.exists(one, two)).toBe(0);
      const batch = [['set', two, 'a'], ['multi'], ['incr', 'n'], ['incr', 'n'], ['exec'], ['get', two]];
      const mixed = await redis.pipeline(batch).exec();
      expect(mixed!.map(([, value]) => value)).toEqual(['OK', 'OK', 'QUEUED', 'QUEUED', [1, 2], 'a']);
    });

    it('refuses what means one connection', async () => {
      const refusal = { code: 'FAIRLEAD_UNROUTABLE' };
      await expect(redis.watch('a')).rejects.toMatchObject(refusal);
      await expect(redis.multi({ pipeline: false })).rejects.toMatchObject(refusal);
      await expect(redis.wait(1, 1)).rejects.toMatchObject(refusal);
      await expect(redis.call('MONITOR')).rejects.toMatchObject(refusal);
      await expect(redis.eval('return 1', 0)).rejects.toMatchObject(refusal);
      await expect(redis.call('FT.SEARCH', 'idx', '*')).rejects.toMatchObject(refusal);
    });

    it('runs scripts where their keys are, and loads them again when they are gone', async () => {
      redis.defineCommand('double', { numberOfKeys: 1, lua: 'return {KEYS[1], ARGV[1] * 2}' });
      const double = (key: string, n: number) =>
        (redis as unknown as { double(key: string, n: number): Promise<unknown> }).double(key, n);
      const keys = keyOnEach(redis);
      for (const key of keys) expect(await double(key, 4)).toEqual([key, 8]);
      await redis.script('FLUSH');
      for (const key of keys) expect(await double(key, 5)).toEqual([key, 10]);
      const [sha] = [(await redis.script('LOAD', 'return KEYS[1]')) as string];
      expect(await redis.script('EXISTS', sha)).toEqual([1]);
      for (const key of keys) expect(await redis.evalsha(sha, 1, key)).toBe(key);
      await expect(redis.eval('return 1', 2, keys[0]!, keys[1]!)).rejects.toBeInstanceOf(CrossShardError);
    });

    it('scans all shards once, by cursor and by stream', async () => {
      const keys = Array.from({ length: 300 }, (_, i) => `scan:${i}`);
      await redis.mset(Object.fromEntries(keys.map((key) => [key, '1'])));
      const found: string[] = [];
      let cursor = '0';
      do {
        const [next, page] = await redis.scan(cursor, 'MATCH', 'scan:*', 'COUNT', 20);
        found.push(...page);
        cursor = next;
      } while (cursor !== '0');
      expect([...new Set(found)].sort()).toEqual([...keys].sort());
      const streamed: string[] = [];
      for await (const page of redis.scanStream({ match: 'scan:*', count: 50 })) streamed.push(...(page as string[]));
      expect([...new Set(streamed)].sort()).toEqual([...keys].sort());
      expect((await redis.keys('scan:*')).sort()).toEqual([...keys].sort());
    });

    it('merges the answers of all shards', async () => {
      expect(await redis.info('server')).toMatch(/# Shard s0[\s\S]*# Shard s1[\s\S]*# Shard s2/);
      expect(await redis.ping()).toBe('PONG');
      expect(await redis.config('SET', 'maxmemory-policy', 'allkeys-lru')).toBe('OK');
      for (const node of redis.nodes()) {
        expect(await node.config('GET', 'maxmemory-policy')).toEqual(['maxmemory-policy', 'allkeys-lru']);
      }
      expect(await redis.randomkey()).toBeNull();
    });

    it('delivers messages of channels and patterns once each, and counts subscriptions', async () => {
      const subscriber = redis.duplicate() as ShardedRedis;
      const heard: string[] = [];
      subscriber.on('message', (channel, message) => heard.push(`${channel}=${message}`));
      subscriber.on('pmessage', (pattern, channel, message) => heard.push(`${pattern}:${channel}=${message}`));
      const channels = keyOnEach(redis, 'news');
      expect(await subscriber.subscribe(...channels)).toBe(3);
      expect(await subscriber.psubscribe('news:*')).toBe(4);
      // By RESP3, the default of version 6, subscriptions take nothing from a connection.
      expect(subscriber.mode).toBe(version === '5' ? 'subscriber' : 'normal');
      for (const channel of channels) await redis.publish(channel, 'hi');
      await expect.poll(() => heard.length).toBe(6);
      expect([...heard].sort()).toEqual(
        channels.flatMap((channel) => [`${channel}=hi`, `news:*:${channel}=hi`]).sort(),
      );
      expect(await subscriber.unsubscribe()).toBe(1);
      expect(await subscriber.punsubscribe('news:*')).toBe(0);
      expect(subscriber.mode).toBe('normal');
      expect(await redis.publish(channels[0]!, 'nobody')).toBe(0);
      subscriber.disconnect();
    });

    it('shows what all shards do by one monitor', async () => {
      const monitor = await redis.monitor();
      const heard = new Set<string>();
      monitor.on('monitor', (...[, args, , , shard]: string[]) => heard.add(`${args![0]} ${args![1]} ${shard}`));
      const keys = keyOnEach(redis);
      await Promise.all(keys.map((key) => redis.set(key, '1')));
      await expect.poll(() => [...heard]).toEqual(expect.arrayContaining(keys.map((key, i) => `set ${key} s${i}`)));
      const ended = new Promise((resolve) => monitor.on('end', () => resolve(undefined)));
      monitor.disconnect();
      await ended;
    });

    it('monitors a server that shows a command with its answer to MONITOR', async () => {
      await using hasty = await HastyMonitor.start(servers[0]!);
      await using over = redisOver([hasty]);
      const monitor = await over.redis.monitor();
      const errors: Error[] = [];
      monitor.on('error', (error) => errors.push(error));
      const shown = new Promise<string[]>((resolve) => {
        monitor.on('monitor', (_, args: string[]) => args[0] === 'echo' && resolve(args));
      });
      await over.redis.echo('seen');
      expect(await shown).toEqual(['echo', 'seen']);
      expect(errors).toEqual([]);
      monitor.disconnect();
    });

    it('lets the server say what is wrong with a command that lacks its key', async () => {
      const loose = redis as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
      for (const name of ['get', 'mget', 'del', 'rename', 'lpush', 'xadd', 'zunionstore', 'blpop']) {
        await expect(loose[name]!()).rejects.toThrow(/wrong number of arguments/);
      }
      await expect(loose.rename!('a')).rejects.toThrow(/wrong number of arguments/);
      await expect(loose.mset!('a')).rejects.toThrow(/wrong number of arguments/);
    });

    it('does not let blocking commands hold up others', async () => {
      const [key] = keyOnEach(redis) as [string];
      const popped = redis.blpop(key, 5);
      expect(await redis.set(`{${key}}:other`, '1')).toBe('OK');
      await redis.rpush(key, 'job');
      expect(await popped).toEqual([key, 'job']);
      expect(await redis.blpop(key, 0.05)).toBeNull();
      expect(await redis.xread('BLOCK', 20, 'STREAMS', 'nothing', '$')).toBeNull();
    });

    it('finds the key behind a subcommand', async () => {
      for (const key of keyOnEach(redis, 'stream')) {
        expect(await redis.xgroup('CREATE', key, 'group', '$', 'MKSTREAM')).toBe('OK');
        expect(await redis.shard(redis.shardFor(key)).exists(key)).toBe(1);
        expect(await redis.xinfo('GROUPS', key)).toHaveLength(1);
        expect(await redis.object('ENCODING', key)).toBe('stream');
        expect(await redis.memory('USAGE', key)).toBeGreaterThan(0);
      }
    });

    it('applies the key prefix', async () => {
      await using prefixed = redisOver(servers, { keyPrefix: 'app:' });
      await prefixed.redis.mset('a', '1', 'b', '2', 'c', '3');
      expect(await redis.mget('app:a', 'app:b', 'app:c')).toEqual(['1', '2', '3']);
      expect(prefixed.redis.shardFor('a')).toBe(redis.shardFor('app:a'));
    });

    it('remembers SELECT for every shard', async () => {
      await using selected = redisOver(servers);
      expect(await selected.redis.select(3)).toBe('OK');
      await selected.redis.mset('a', '1', 'b', '2', 'c', '3', 'd', '4');
      expect(await selected.redis.dbsize()).toBe(4);
      expect(await redis.dbsize()).toBe(0);
    });

    it('refuses bad options by name', () => {
      const make = (options: object) => () => redisOver(servers, options);
      expect(make({ host: 'x' })).toThrow(/ShardedRedis\.host/);
      expect(make({ enableAutoPipelining: true })).toThrow(/enableAutoPipelining/);
      expect(make({ placement: 'modulo' })).toThrow(/placement/);
      expect(make({ maxRetriesPerRequest: null })().redis.disconnect()).toBeUndefined();
    });

    it('quits once all is answered', async () => {
      const own = redisOver(servers);
      const events: string[] = [];
      for (const event of ['ready', 'close', 'end']) own.redis.on(event, () => events.push(event));
      const [set, bye] = await Promise.all([own.redis.set('last', '1'), own.redis.quit()]);
      expect([set, bye]).toEqual(['OK', 'OK']);
      expect(own.redis.status).toBe('end');
      await expect(own.redis.get('last')).rejects.toBeInstanceOf(FairleadError);
      expect(events.slice(-2)).toEqual(['close', 'end']);
      await own.mesh.close();
    });
  });
}

/** Where ioredis keeps those of all its clients. */
interface Transformers {
  readonly argument: Record<string, unknown>;
  readonly reply: Record<string, unknown>;
}
