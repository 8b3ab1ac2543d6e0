import { describe, expect, it } from 'vitest';
import { emptyServersOfFile } from './servers-of-file.js';
import { endpointsOf, redisOver, type TestRedis } from './support.js';

/** Adds a job: the script makes up the name of the key that holds it. */
const ADD = `
local id = redis.call('INCR', KEYS[1])
redis.call('SET', ARGV[1] .. id, ARGV[2])
redis.call('RPUSH', KEYS[2], id)
return id`;

/** Takes one, and its data: false where these are not there. */
const TAKE = `
local id = redis.call('LPOP', KEYS[1])
if not id then return nil end
local data = redis.call('GET', ARGV[1] .. id)
redis.call('DEL', ARGV[1] .. id)
return {id, data}`;

const tags = Array.from({ length: 40 }, (_, i) => `queue${i}`);

describe('scripts that make up names of keys, while keys are handed over', () => {
  const servers = emptyServersOfFile(4);

  /** Nothing is swept, unless told otherwise: what a command wants is what moves. */
  const open = (options: object = {}): TestRedis =>
    redisOver(servers.slice(0, 3), { handover: { windowMs: 60_000, settleMs: 0, background: false, ...options } });
  const join = (over: TestRedis): void => void over.resolver.update('cache', endpointsOf(servers));
  const leave = (over: TestRedis): void => void over.resolver.update('cache', endpointsOf(servers.slice(0, 3)));
  const owners = ({ redis }: TestRedis): string[] => tags.map((tag) => redis.shardFor(`{${tag}}`));
  /** Tags whose keys have another owner after a fourth server joined. */
  const joinMoving = (over: TestRedis): string[] => {
    const before = owners(over);
    join(over);
    const after = owners(over);
    const moving = tags.filter((_, i) => after[i] !== before[i]);
    expect(moving.length).toBeGreaterThan(4);
    return moving;
  };
  const add = ({ redis }: TestRedis, tag: string, data: string): Promise<unknown> =>
    redis.eval(ADD, 2, `{${tag}}:ids`, `{${tag}}:waiting`, `{${tag}}:job:`, data);
  const take = ({ redis }: TestRedis, tag: string): Promise<unknown> =>
    redis.eval(TAKE, 1, `{${tag}}:waiting`, `{${tag}}:job:`);
  const fill = async (over: TestRedis, each = 30): Promise<void> => {
    for (let n = 1; n <= each; n++) await Promise.all(tags.map((tag) => add(over, tag, `data ${n}`)));
  };

  it('find what lies under names that they do not declare, by whichever command they are sent', async () => {
    await using over = open();
    const { redis } = over;
    await fill(over);
    const moving = joinMoving(over);
    redis.defineCommand('takeJob', { numberOfKeys: 1, lua: TAKE });
    const own = redis as unknown as { takeJob(key: string, names: string): Promise<unknown> };
    await redis.script('LOAD', TAKE);
    const sha = (await redis.script('LOAD', TAKE)) as string;
    const [a, b, c, d] = moving as [string, string, string, string];
    const args = (tag: string): [string, string] => [`{${tag}}:waiting`, `{${tag}}:job:`];
    expect(await own.takeJob(...args(a))).toEqual(['1', 'data 1']);
    expect(await redis.evalsha(sha, 1, ...args(b))).toEqual(['1', 'data 1']);
    expect(
      await redis
        .multi()
        .eval(TAKE, 1, ...args(c))
        .llen(`{${c}}:waiting`)
        .exec(),
    ).toEqual([
      [null, ['1', 'data 1']],
      [null, 29],
    ]);
    expect(
      await redis
        .pipeline()
        .eval(TAKE, 1, ...args(d))
        .exec(),
    ).toEqual([[null, ['1', 'data 1']]]);
    for (let n = 2; n <= 30; n++) {
      for (const tag of [a, b, c, d]) expect(await take(over, tag)).toEqual([String(n), `data ${n}`]);
    }
    expect(redis.handover).toMatchObject({ failed: 0, conflict: 0, present: 0, waiting: 0 });
  });

  it('find it where the topology changes back before all is done, and after it', async () => {
    await using over = open();
    await fill(over);
    const moving = joinMoving(over);
    const first = moving.map((tag) => take(over, tag));
    leave(over);
    expect(await Promise.all(first)).toEqual(moving.map(() => ['1', 'data 1']));
    join(over);
    expect(await Promise.all(moving.map((tag) => take(over, tag)))).toEqual(moving.map(() => ['2', 'data 2']));
    leave(over);
    expect(await Promise.all(moving.map((tag) => take(over, tag)))).toEqual(moving.map(() => ['3', 'data 3']));
  });

  it('SORT finds what its patterns name', async () => {
    await using over = open();
    const { redis } = over;
    for (const tag of tags) {
      await redis.rpush(`{${tag}}:ids`, '1', '2');
      await redis.mset({
        [`{${tag}}:weight:1`]: 2,
        [`{${tag}}:weight:2`]: 1,
        [`{${tag}}:name:1`]: 'ann',
        [`{${tag}}:name:2`]: 'bob',
      });
    }
    for (const tag of joinMoving(over)) {
      const sorted = await redis.sort(`{${tag}}:ids`, 'BY', `{${tag}}:weight:*`, 'GET', `{${tag}}:name:*`);
      expect(sorted).toEqual(['bob', 'ann']);
    }
  });

  it('commands of one tag keep their order, whichever keys they name', async () => {
    await using over = open();
    const { redis } = over;
    await fill(over, 3);
    const read = (tag: string, name: string): Promise<unknown> =>
      redis.eval("return redis.call('GET', ARGV[1])", 1, `{${tag}}:ids`, `{${tag}}:${name}`);
    const moving = joinMoving(over);
    const sent = moving.map((tag) =>
      Promise.all([
        redis.set(`{${tag}}:mine`, 'one'),
        read(tag, 'mine'),
        redis.set(`{${tag}}:mine`, 'two'),
        read(tag, 'mine'),
        redis.del(`{${tag}}:job:1`),
        read(tag, 'job:1'),
      ]),
    );
    for (const replies of await Promise.all(sent)) expect(replies).toEqual(['OK', 'one', 'OK', 'two', 1, null]);
  });

  it('fail, and nothing is sent, where a key of their tag is larger than what is moved', async () => {
    await using over = open({ maxValueBytes: 10_000 });
    const { redis } = over;
    await fill(over, 2);
    await Promise.all(tags.map((tag) => redis.set(`{${tag}}:large`, 'x'.repeat(20_000))));
    const [tag] = joinMoving(over) as [string];
    await expect(take(over, tag)).rejects.toMatchObject({
      code: 'FAIRLEAD_HANDOVER',
      message: expect.stringMatching(/\{queue\d+\}:large.*maxValueBytes.*Nothing was sent/),
    });
    expect(await redis.llen(`{${tag}}:waiting`)).toBe(2);
    // What names it alone is served where it is.
    expect(await redis.strlen(`{${tag}}:large`)).toBe(20_000);
    await redis.del(`{${tag}}:large`);
    expect(await take(over, tag)).toEqual(['1', 'data 1']);
  });

  it('fail, and nothing is sent, where the owner before does not answer', async () => {
    await using over = open();
    const { redis } = over;
    await fill(over, 2);
    const before = owners(over);
    await servers[1]!.pause();
    let tag: string;
    try {
      await expect.poll(() => redis.describeRing().shards[1]!.state, { timeout: 3_000, interval: 20 }).toBe('down');
      join(over);
      tag = tags.find((each, i) => before[i] === 's1' && redis.shardFor(`{${each}}`) === 's3')!;
      await expect(take(over, tag)).rejects.toMatchObject({ code: 'FAIRLEAD_SHARD_UNAVAILABLE', endpoint: 's1' });
    } finally {
      await servers[1]!.resume();
    }
    await expect.poll(() => redis.describeRing().shards[1]!.state, { timeout: 3_000 }).toBe('up');
    expect(await take(over, tag)).toEqual(['1', 'data 1']);
  });

  it("find declared keys alone with scripts: 'keys'", async () => {
    await using over = open({ scripts: 'keys' });
    await fill(over, 1);
    const [tag] = joinMoving(over) as [string];
    expect(await take(over, tag)).toEqual(['1', null]);
  });

  it('find it by clients that tell each other what was brought, which does not outlive the topology', async () => {
    await using first = open({ background: true, settleMs: 300 });
    await using second = open({ background: true, settleMs: 300 });
    await fill(first, 3);
    for (const round of [1, 2, 3]) {
      for (const over of [first, second]) (round % 2 === 1 ? join : leave)(over);
      const found = await Promise.all([first, second].flatMap((over) => [tags.map((tag) => take(over, tag))].flat()));
      // One of two finds the last job, the other none.
      const data = found.filter((each) => each !== null) as [string, string | null][];
      expect(data.filter(([, text]) => text === null)).toEqual([]);
      await fill(second, 3);
    }
    expect(first.redis.handover).toMatchObject({ conflict: 0, failed: 0 });
    expect(second.redis.handover).toMatchObject({ conflict: 0, failed: 0 });
  });

  it('no job is lost by two clients while servers come and go', async () => {
    await using one = open({ background: true, settleMs: 500 });
    await using two = open({ background: true, settleMs: 500 });
    const added = new Set<string>();
    const taken = new Map<string, number>();
    const errors: unknown[] = [];
    let empty = 0;
    let running = true;
    const produce = async (over: TestRedis, name: string): Promise<void> => {
      for (let n = 0; running; n++) {
        const [tag, data] = [tags[n % tags.length]!, `${name}:${n}`];
        await add(over, tag, data).then(
          () => added.add(data),
          (error: unknown) => errors.push(error),
        );
      }
    };
    const consume = async (over: TestRedis, offset: number, until: () => boolean): Promise<void> => {
      for (let n = offset; until(); n++) {
        const job = await take(over, tags[n % tags.length]!).catch((error: unknown) => void errors.push(error));
        if (job === null || job === undefined) continue;
        const [, data] = job as [string, string | null];
        if (data === null) empty++;
        else taken.set(data, (taken.get(data) ?? 0) + 1);
      }
    };
    const load = [one, two].flatMap((over, i) => [
      produce(over, `${i}a`),
      produce(over, `${i}b`),
      produce(over, `${i}c`),
      consume(over, i, () => running),
    ]);
    for (const present of [4, 3, 4, 3]) {
      for (const over of [one, two]) {
        over.resolver.update('cache', endpointsOf(servers.slice(0, present)));
        await new Promise((resolve) => setTimeout(resolve, 150));
      }
      await new Promise((resolve) => setTimeout(resolve, 1_500));
    }
    running = false;
    await Promise.all(load);
    let left = tags.length * 2;
    const rest = async (): Promise<void> => {
      let idle = 0;
      await consume(one, 0, () => {
        const done = taken.size >= added.size || idle++ > added.size + left;
        return !done;
      });
      left = 0;
    };
    await rest();
    console.log(`added ${added.size}, taken ${taken.size}, empty ${empty}`, JSON.stringify(one.redis.handover));
    expect(errors).toEqual([]);
    expect(empty).toBe(0);
    expect(added.size).toBeGreaterThan(500);
    expect([...added].filter((data) => taken.get(data) !== 1)).toEqual([]);
  });
});
