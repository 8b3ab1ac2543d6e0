import type { Dice } from '../dice.js';

/** A command and its arguments, as they are given to the method of that name. */
export type Command = readonly [name: string, ...args: unknown[]];

const key = (dice: Dice): unknown =>
  dice.weighted<unknown>([
    [8, `k${dice.below(6)}`],
    [1, Buffer.from([0, 255])],
    [1, dice.text()],
  ]);
const field = (dice: Dice): string => dice.pick(['f', 'g', 'ü', '__proto__', 'constructor', '']);

function value(dice: Dice): unknown {
  return dice.weighted<unknown>([
    [6, dice.text()],
    [3, dice.below(10)],
    [1, -1.5],
    [1, Buffer.from([255, 0, 128])],
    [1, null],
    [1, true],
  ]);
}

/** Of every type, with arguments that fit, and some that do not. Replies do not depend on chance. */
export function command(dice: Dice): Command {
  const k = (): unknown => key(dice);
  const v = (): unknown => value(dice);
  const n = (): number => dice.below(5) - 1;
  const drawn = dice.weighted<() => Command>([
    [
      3,
      () => [
        'set',
        k(),
        v(),
        ...dice.pick<unknown[]>([[], [], ['NX'], ['XX', 'GET'], ['EX', 100], ['KEEPTTL'], ['NONSENSE']]),
      ],
    ],
    [3, () => ['get', k()]],
    [1, () => [dice.pick(['getdel', 'getset', 'strlen', 'type', 'ttl', 'persist', 'exists', 'dump', 'object']), k()]],
    [1, () => ['append', k(), v()]],
    [2, () => [dice.pick(['incr', 'decr']), k()]],
    [1, () => ['incrbyfloat', k(), 0.5]],
    [1, () => ['setrange', k(), dice.below(4), v()]],
    [1, () => ['getrange', k(), n(), n()]],
    [1, () => ['setbit', k(), dice.below(20), dice.below(2)]],
    [1, () => ['bitfield', k(), 'INCRBY', 'u2', 0, 1, 'OVERFLOW', 'FAIL', 'GET', 'u4', 1]],
    [1, () => ['mset', dice.pick<unknown>([{ k0: 'a', k1: 2 }, new Map([['k2', 'b']]), ['k3', 'c']])]],
    [1, () => ['mget', k(), k(), [k()]]],
    [1, () => [dice.pick(['del', 'unlink', 'touch']), k(), k()]],
    [1, () => ['rename', k(), k()]],
    [1, () => ['copy', k(), k(), 'REPLACE']],
    [1, () => ['expire', k(), 1000]],
    [2, () => ['hset', k(), dice.pick<unknown>([{ f: 'v', ü: 1 }, new Map([['g', 'x']]), ['f', 2]])]],
    [2, () => ['hgetall', k()]],
    [1, () => ['hget', k(), field(dice)]],
    [1, () => ['hmget', k(), field(dice), field(dice)]],
    [1, () => ['hincrby', k(), field(dice), 3]],
    [1, () => ['hdel', k(), field(dice)]],
    [2, () => [dice.pick(['lpush', 'rpush']), k(), v(), v()]],
    [1, () => ['lrange', k(), 0, -1]],
    [1, () => [dice.pick(['lpop', 'rpop', 'llen']), k()]],
    [1, () => ['lmove', k(), k(), 'LEFT', 'RIGHT']],
    [1, () => ['linsert', k(), 'BEFORE', 'a', v()]],
    [1, () => ['lpos', k(), 'a', 'COUNT', 0]],
    [1, () => ['lrem', k(), 0, v()]],
    [2, () => ['sadd', k(), dice.below(9)]],
    [1, () => ['sismember', k(), dice.below(9)]],
    [1, () => ['smove', k(), k(), dice.below(9)]],
    [1, () => ['sintercard', 2, k(), k()]],
    [1, () => ['sunionstore', k(), k(), k()]],
    [
      2,
      () => [
        'zadd',
        k(),
        ...dice.pick<unknown[]>([
          [1, 'a'],
          ['CH', 2.5, 'b', '+inf', 'c'],
          ['INCR', 1, 'a'],
          ['x', 'a'],
        ]),
      ],
    ],
    [1, () => ['zrange', k(), 0, -1, ...dice.pick<unknown[]>([[], ['WITHSCORES'], ['REV']])]],
    [1, () => [dice.pick(['zpopmin', 'zcard']), k()]],
    [1, () => ['zscore', k(), 'a']],
    [1, () => ['zmscore', k(), 'a', 'none']],
    [1, () => ['zrangestore', k(), k(), 0, 1]],
    [1, () => ['geoadd', k(), 13.36, 38.11, 'Palermo']],
    [1, () => ['geopos', k(), 'Palermo', 'none']],
    [1, () => ['pfadd', k(), 'a', 'b']],
    [1, () => ['pfcount', k()]],
    [2, () => ['xadd', k(), dice.pick(['1-1', '2-*', '5-5']), 'f', v()]],
    [1, () => ['xrange', k(), '-', '+']],
    [1, () => ['xread', 'COUNT', 2, 'STREAMS', k(), '0']],
    [1, () => ['xgroup', 'CREATE', k(), 'g', '0', 'MKSTREAM']],
    [1, () => ['xreadgroup', 'GROUP', 'g', 'me', 'STREAMS', k(), '>']],
    [1, () => ['xack', k(), 'g', '1-1']],
    [1, () => ['eval', 'return {KEYS[1], ARGV[1], 7, {false, "x"}}', 1, k(), v()]],
    [1, () => ['eval', 'return redis.call("INCR", KEYS[1])', 1, k()]],
    [1, () => ['eval', 'return redis.error_reply("MY mistake")', 0]],
    [1, () => ['evalsha', '0'.repeat(40), 0]],
    [
      2,
      () => [
        dice.pick(['mine', 'mine', 'counted']),
        ...dice.pick<unknown[]>([
          [k(), v()],
          [1, k(), v()],
        ]),
      ],
    ],
    [
      1,
      () => [
        dice.pick(['ping', 'echo', 'dbsize', 'get', 'nothing', 'wait']),
        ...dice.pick<unknown[]>([[], ['x'], ['0', '0']]),
      ],
    ],
    [1, () => ['call', dice.pick(['GET', 'get', 'NONSENSE']), k()]],
    [1, () => ['config', 'GET', dice.pick(['maxmemory-policy', 'nonsense'])]],
    [1, () => ['object', 'ENCODING', k()]],
    [1, () => ['sort', k(), 'ALPHA']],
    [1, () => ['scan', '0', 'COUNT', 1000, 'MATCH', 'nothing*']],
    [1, () => ['hscan', k(), 0]],
    [1, () => ['script', 'EXISTS', '0'.repeat(40)]],
    [1, () => ['flushdb']],
  ])();
  const [name, ...rest] = drawn;
  // Mostly a key of the command's own type.
  const family = FAMILIES.find(([names]) => names.test(name))?.[1] ?? 'k';
  const own = (arg: unknown): unknown => (typeof arg === 'string' && /^k\d$/.test(arg) ? family + arg[1] : arg);
  const args = dice.chance(0.85) ? rest.map(own) : rest;
  return dice.chance(0.1) && WITH_BUFFERS.has(name) ? [`${name}Buffer`, ...args] : [name, ...args];
}

const FAMILIES: readonly (readonly [RegExp, string])[] = [
  [/^h/, 'h'],
  [/^(?:l[a-z]|r(?:push|pop)$)/, 'l'],
  [/^(?:z|geo)/, 'z'],
  [/^(?:sadd|sis|smo|sin|sun)/, 's'],
  [/^x/, 'x'],
  [/^pf/, 'p'],
];

const WITH_BUFFERS = new Set([
  'get',
  'hgetall',
  'lrange',
  'mget',
  'hmget',
  'lpop',
  'eval',
  'mine',
  'zrange',
  'xrange',
  'echo',
  'dump',
]);

/** Those that wait, most of them in vain. */
export function blockingCommand(dice: Dice): Command {
  return dice.pick<Command>([
    ['blpop', 'k0', 'k1', 0.05],
    ['brpop', 'nothing', 0.02],
    ['blmove', 'k0', 'k2', 'LEFT', 'RIGHT', 0.02],
    ['brpoplpush', 'k0', 'k3', 0.02],
    ['bzpopmin', 'k4', 0.02],
    ['blmpop', 0.02, 1, 'k1', 'LEFT'],
    ['xread', 'BLOCK', 20, 'STREAMS', 'k5', '$'],
    ['blpop', 'k0', 'nonsense'],
    ['wait', 0, 10],
  ]);
}

export function redisOptions(dice: Dice): Record<string, unknown> {
  return dice.some(0.15, {
    keyPrefix: 'app:',
    db: 2,
    stringNumbers: true,
    lazyConnect: true,
    showFriendlyErrorStack: true,
    noDelay: false,
    connectionName: 'me',
    enableOfflineQueue: true,
    scripts: true,
    transformers: true,
  });
}
