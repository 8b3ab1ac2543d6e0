import { seededRandom } from 'fairlead/testing';
import { Redis as Plain } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Command } from '../../adapters/redis/driver/driver.js';
import { type Move, type MoveOptions, moveKey } from '../../adapters/redis/handover/key-move.js';
import type { Shard } from '../../adapters/redis/shards/shard.js';
import { type Redis as Server, startRedis } from '../harness/index.js';

/** What a client does with each of its requests, in the order in which it makes them: from 1. */
type Gate = (request: number, send: () => Promise<unknown>) => Promise<unknown>;

/** A server as a client sees it that may be stopped at each request. */
function shardOf(name: string, plain: Plain, gate: () => Gate): Shard {
  let requests = 0;
  const issue = (command: Command): void => {
    const { resolve, reject } = command;
    const send = (): Promise<unknown> => {
      const copy = plain.callBuffer(command.name, ...(command.args as (string | Buffer)[]));
      return copy;
    };
    gate()(++requests, send).then(
      (reply) => resolve.call(command, reply as never),
      (error: Error) => reject.call(command, error),
    );
  };
  return { name, readOnly: false, refusal: () => undefined, onceDown: () => () => {}, issue } as unknown as Shard;
}

let tickets = 0;
const options: MoveOptions = {
  service: 'store',
  reservedPrefix: 'fl:',
  maxValueBytes: 2 ** 20,
  // No move is slower, however busy the machine: where time is to be over, `outdate` ends it.
  ticketMs: 600_000,
  newTicket: () => String(++tickets),
  pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
};

/** One client that moves a key; its requests to both servers pass one gate. */
function client(servers: readonly [Plain, Plain], gate: Gate = (_, send) => send()) {
  let requests = 0;
  const counted: Gate = (_, send) => gate(++requests, send);
  const [a, b] = servers.map((plain, i) => shardOf(`s${i}`, plain, () => counted)) as [Shard, Shard];
  return {
    there: (key: string): Promise<Move> => moveKey(key, a, b, options),
    back: (key: string): Promise<Move> => moveKey(key, b, a, options),
    requests: () => requests,
  };
}

/** Nothing is heard of it again: the promise stays open, as that of a client that died does. */
const never = new Promise<never>(() => {});

const many = (count: number): string[] => Array.from({ length: count }, (_, i) => `item:${i}`);

interface Kind {
  readonly name: string;
  readonly encoding: string;
  write(redis: Plain, key: string): Promise<unknown>;
  read(redis: Plain, key: string): Promise<unknown>;
}

const strings = (name: string, encoding: string, value: string): Kind => ({
  name,
  encoding,
  write: (redis, key) => redis.set(key, value),
  read: (redis, key) => redis.get(key),
});
const lists = (encoding: string, count: number): Kind => ({
  name: 'list',
  encoding,
  write: (redis, key) => redis.rpush(key, ...many(count)),
  read: (redis, key) => redis.lrange(key, 0, -1),
});
const hashes = (encoding: string, count: number): Kind => ({
  name: 'hash',
  encoding,
  write: (redis, key) => redis.hset(key, ...many(count).flatMap((item) => [item, `${item}!`])),
  read: async (redis, key) => Object.entries(await redis.hgetall(key)).sort(),
});
const sets = (encoding: string, items: readonly string[]): Kind => ({
  name: 'set',
  encoding,
  write: (redis, key) => redis.sadd(key, ...items),
  read: async (redis, key) => (await redis.smembers(key)).sort(),
});
const zsets = (encoding: string, count: number): Kind => ({
  name: 'sorted set',
  encoding,
  write: (redis, key) => redis.call('ZADD', key, ...many(count).flatMap((item, i) => [String(i), item])),
  read: (redis, key) => redis.zrange(key, '0', '-1', 'WITHSCORES'),
});
const logs = (encoding: string, count: number): Kind => ({
  name: 'hyperloglog',
  encoding,
  write: (redis, key) => redis.pfadd(key, ...many(count)),
  read: (redis, key) => redis.getBuffer(key),
});
const stream: Kind = {
  name: 'stream with a group',
  encoding: 'stream',
  write: async (redis, key) => {
    for (let i = 0; i < 20; i++) await redis.xadd(key, '*', 'n', i);
    await redis.xgroup('CREATE', key, 'group', '0');
    await redis.xreadgroup('GROUP', 'group', 'one', 'COUNT', 5, 'STREAMS', key, '>');
  },
  read: async (redis, key) => [await redis.xrange(key, '-', '+'), await redis.xpending(key, 'group')],
};

const kinds: readonly Kind[] = [
  strings('number', 'int', '42'),
  strings('short text', 'embstr', 'short'),
  strings('long text', 'raw', 'long '.repeat(100)),
  lists('quicklist', 2_000),
  hashes('listpack', 5),
  hashes('hashtable', 600),
  sets('intset', ['1', '2', '3']),
  sets('hashtable', many(600)),
  zsets('listpack', 5),
  zsets('skiplist', 300),
  logs('raw', 3),
  logs('raw', 20_000),
  stream,
];

describe('the move of a key', () => {
  let servers: Server[];
  let plains: [Plain, Plain];
  beforeAll(async () => {
    servers = await Promise.all([startRedis(), startRedis()]);
    plains = servers.map(({ host, port }) => new Plain(port, host)) as [Plain, Plain];
  });
  afterAll(async () => {
    for (const plain of plains ?? []) plain.disconnect();
    await Promise.all((servers ?? []).map((server) => server[Symbol.asyncDispose]()));
  });
  beforeEach(async () => {
    await Promise.all(plains.map((plain) => plain.flushall()));
  });

  /**
   * Names that anybody may read or write by; not those of moves in progress and of what was set
   * aside.
   */
  const names = async (plain: Plain): Promise<string[]> =>
    (await plain.keys('*')).filter((name) => !name.startsWith('fl:'));

  /** The time of the tickets that clients have is over. */
  async function outdate(): Promise<void> {
    for (const plain of plains) {
      for (const key of await plain.keys('fl:move:*')) {
        const note = await plain.get(key);
        if (note !== null && !note.startsWith('put:')) await plain.del(key);
      }
    }
  }

  /**
   * Moves by a client that dies at its n-th request: not sent any more, or sent and the answer not
   * read.
   */
  async function dieAt(request: number, sent: boolean, key: string): Promise<void> {
    await new Promise<void>((died) => {
      const dying = client(plains, async (n, send) => {
        if (n < request) return send();
        if (n === request && sent) await send();
        died();
        return never;
      });
      void dying.there(key);
    });
    await outdate();
  }

  const deaths = [1, 2, 3, 4, 5].flatMap((request) => [false, true].map((sent) => [request, sent] as const));

  it('takes a key whose time runs out on the way for what it is then: absent', async () => {
    await using lazy = await startRedis({ args: ['--enable-debug-command', 'yes'] });
    const from = new Plain(lazy.port, lazy.host);
    // What is over stays in its memory until it is asked for.
    await from.call('DEBUG', 'SET-ACTIVE-EXPIRE', '0');
    const to = plains[1];
    const move = client([from, to], async (request, send) => {
      if (request === 3) {
        await from.pexpire('key', 1);
        await expect.poll(() => from.pttl('other')).toBe(-2);
      }
      return await send();
    });
    await from.set('key', 'value');
    await from.set('other', 'value', 'PX', 20);
    expect(await move.there('key')).toEqual({ how: 'absent' });
    expect(move.requests()).toBeGreaterThan(3);
    expect(await to.exists('key')).toBe(0);
    from.disconnect();
  });

  it('takes five requests, so a client can die at ten moments', async () => {
    await plains[0].set('k', 'v');
    const mover = client(plains);
    expect(await mover.there('k')).toMatchObject({ how: 'moved' });
    expect(mover.requests()).toBe(5);
  });

  describe.each(kinds)('of a $name ($encoding)', (kind) => {
    const [a, b] = [0, 1] as const;

    it('leaves one copy, wherever a client dies', async () => {
      for (const ttl of [undefined, 100_000]) {
        for (const [request, sent] of deaths) {
          const key = `k:${request}:${sent}:${ttl}`;
          await kind.write(plains[a], key);
          expect(await plains[a].object('ENCODING', key)).toBe(kind.encoding);
          if (ttl !== undefined) await plains[a].pexpire(key, ttl);
          const value = await kind.read(plains[a], key);
          await dieAt(request, sent, key);
          // There is always one copy to read, at the old owner or at the new one.
          expect((await plains[a].exists(key)) + (await plains[b].exists(key))).toBeGreaterThan(0);
          await client(plains).there(key);
          expect(await names(plains[a])).toEqual([]);
          expect(await names(plains[b])).toEqual([key]);
          expect(await kind.read(plains[b], key)).toEqual(value);
          const left = await plains[b].pttl(key);
          if (ttl === undefined) expect(left).toBe(-1);
          else expect(left).toBeGreaterThan(ttl - 60_000);
          // What is written now is what is found, also if the key goes back.
          await plains[b].del(key);
          await plains[b].set(key, 'newer');
          expect(await client(plains).back(key)).toMatchObject({ how: 'moved' });
          expect(await plains[a].get(key)).toBe('newer');
          expect(await names(plains[b])).toEqual([]);
          await Promise.all(plains.map((plain) => plain.flushall()));
        }
      }
    });

    it('leaves one copy where the topology goes back instead', async () => {
      for (const [request, sent] of deaths) {
        const key = `k:${request}:${sent}`;
        await kind.write(plains[a], key);
        const value = await kind.read(plains[a], key);
        await dieAt(request, sent, key);
        await client(plains).back(key);
        expect(await names(plains[a])).toEqual([key]);
        expect(await names(plains[b])).toEqual([]);
        expect(await kind.read(plains[a], key)).toEqual(value);
        await Promise.all(plains.map((plain) => plain.flushall()));
      }
    });
  });

  it('sets aside what a client writes at the old owner that has not heard, for a day', async () => {
    const [a, b] = plains;
    await a.set('late', 'first');
    expect(await client(plains).there('late')).toMatchObject({ how: 'moved' });
    await a.set('late', 'too late');
    expect(await client(plains).there('late')).toEqual({ how: 'present' });
    expect(await b.get('late')).toBe('first');
    expect(await a.exists('late')).toBe(0);
    expect(await a.get('fl:aside:late')).toBe('too late');
    expect(await a.pttl('fl:aside:late')).toBeGreaterThan(86_000_000);
    // Written while the key is on its way.
    await a.set('between', 'first');
    const mover = client(plains, async (n, send) => {
      if (n === 5) await a.set('between', 'too late');
      return send();
    });
    expect(await mover.there('between')).toMatchObject({ how: 'conflict' });
    expect(await b.get('between')).toBe('first');
    expect(await a.get('fl:aside:between')).toBe('too late');
  });

  it.each([1, 2, 3, 4, 5])(
    'brings nothing back that was deleted while a client was held up at its request %d',
    async (held) => {
      await plains[0].set('k', 'v');
      let go: () => void = () => {};
      const waiting = new Promise<void>((resolve) => {
        go = resolve;
      });
      let slowly: Promise<unknown> = Promise.resolve();
      await new Promise<void>((isHeld) => {
        const slow = client(plains, async (n, send) => {
          if (n === held) {
            isHeld();
            await waiting;
          }
          return send();
        });
        slowly = slow.there('k');
      });
      await outdate();
      await client(plains).there('k');
      await plains[1].del('k');
      go();
      await slowly;
      expect(await plains[0].exists('k')).toBe(0);
      expect(await plains[1].exists('k')).toBe(0);
    },
  );

  it('changes nothing after the first command at the new owner, however clients are interleaved', async () => {
    const random = seededRandom(7);
    for (let run = 0; run < 150; run++) {
      await plains[0].set('k', 'before');
      /** What clients want to send; one is let through at a time. */
      const wanting: (() => void)[] = [];
      const gate: Gate = async (_, send) => {
        await new Promise<void>((resolve) => void wanting.push(resolve));
        return send();
      };
      let last: string | null = 'before';
      let working = 0;
      const work = Array.from({ length: 3 }, async (_, i) => {
        working++;
        const mover = client(plains, gate);
        for (let n = 0; n < 2; n++) {
          await mover.there('k');
          await new Promise<void>((resolve) => void wanting.push(resolve));
          const value = random.below(3) === 0 ? null : `${i}:${n}`;
          // Executed in the order in which they are sent.
          last = value;
          await (value === null ? plains[1].del('k') : plains[1].set('k', value));
        }
        working--;
      });
      let steps = 0;
      const outdatedAt = random.below(40);
      while (working > 0) {
        await new Promise((resolve) => setImmediate(resolve));
        if (wanting.length === 0) continue;
        if (steps++ === outdatedAt) await outdate();
        const [next] = wanting.splice(random.below(wanting.length), 1);
        next!();
        // Some are answered before the next is sent, some are not.
        if (random.below(2) === 0) await plains[0].ping();
      }
      await Promise.all(work);
      expect(await plains[1].get('k')).toBe(last);
      expect(await plains[0].exists('k')).toBe(0);
      await Promise.all(plains.map((plain) => plain.flushall()));
    }
  });
});
