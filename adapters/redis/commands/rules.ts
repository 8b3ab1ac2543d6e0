/**
 * What becomes of every command that has no key, and of those whose parts can go to several shards.
 * The table in docs/redis.md is made from this file.
 *
 * - `one`: one shard answers for all; the first that can be used, by name. Also for commands that
 *   always have a key: sent without one, they are malformed, and the server reports best how.
 * - `all`: sent to every shard; answered when all have answered, with the first one's reply.
 * - `kill`: sent to every shard whatever its state; those that run no script have nothing to say.
 * - `remembered`: as `all`, and repeated on every later connection.
 * - `merged`: sent to every shard, the replies are put together.
 * - `split`: each shard gets its own keys, the replies are put together.
 * - `channel`: the shard of the channel.
 * - `refused`: an error, and nothing is sent.
 */
export type Rule =
  | { readonly to: 'one' | 'all' | 'remembered' | 'channel' | 'kill' }
  | { readonly to: 'merged'; readonly merge: Merge }
  | { readonly to: 'split'; readonly merge: 'values' | 'sum' | 'status' }
  /** `evenWithKeys`: although its keys would say where it belongs. */
  | { readonly to: 'refused'; readonly why: string; readonly evenWithKeys?: boolean };

/** How replies of all shards become one. */
export type Merge = 'sum' | 'concat' | 'union' | 'sections' | 'earliest' | 'every' | 'any' | 'counts' | 'most' | 'scan';

const one: Rule = { to: 'one' };
const all: Rule = { to: 'all' };
const remembered: Rule = { to: 'remembered' };
const kill: Rule = { to: 'kill' };
const channel: Rule = { to: 'channel' };
const merged = (merge: Merge): Rule => ({ to: 'merged', merge });
const refused = (why: string): Rule => ({ to: 'refused', why });

const SHARED = 'connections are shared; use multi() with its commands chained to it';
const PER_SERVER = 'its answer is about one server; ask shard(name)';
const REPLICATION = 'it is about the replication of one server; ask shard(name)';
const CONNECTION = 'it is about one connection, and there are several';

/** By command, or by command and subcommand where that decides. */
export const RULES: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ['mget', { to: 'split', merge: 'values' }],
  ['mset', { to: 'split', merge: 'status' }],
  ['del', { to: 'split', merge: 'sum' }],
  ['exists', { to: 'split', merge: 'sum' }],
  ['touch', { to: 'split', merge: 'sum' }],
  ['unlink', { to: 'split', merge: 'sum' }],

  ['ping', one],
  ['echo', one],
  ['time', one],
  ['lolwut', one],
  ['command', one],
  ['acl whoami', one],
  ['acl cat', one],
  ['acl genpass', one],
  ['acl list', one],
  ['acl users', one],
  ['acl getuser', one],
  ['acl dryrun', one],
  ['acl help', one],
  ['config get', one],
  ['config help', one],
  ['function list', one],
  ['function dump', one],
  ['function help', one],
  ['script help', one],
  ['object help', one],
  ['memory help', one],
  ['pubsub help', one],
  ['xinfo', one],
  ['xgroup', one],
  ['xread', one],
  ['xreadgroup', one],
  ['module list', one],
  ['client getname', one],

  ['flushall', all],
  ['flushdb', all],
  ['save', all],
  ['bgsave', all],
  ['bgrewriteaof', all],
  ['swapdb', all],
  ['acl setuser', all],
  ['acl deluser', all],
  ['acl load', all],
  ['acl save', all],
  ['config set', all],
  ['config resetstat', all],
  ['config rewrite', all],
  ['script load', all],
  ['script flush', all],
  ['script kill', kill],
  ['function load', all],
  ['function delete', all],
  ['function flush', all],
  ['function kill', kill],
  ['function restore', all],
  ['latency reset', all],
  ['slowlog reset', all],

  ['select', remembered],
  ['auth', remembered],
  ['client setname', remembered],

  ['dbsize', merged('sum')],
  ['keys', merged('concat')],
  ['randomkey', merged('any')],
  ['scan', merged('scan')],
  ['info', merged('sections')],
  ['lastsave', merged('earliest')],
  ['script exists', merged('every')],
  ['pubsub channels', merged('union')],
  ['pubsub shardchannels', merged('union')],
  ['pubsub numsub', merged('counts')],
  ['pubsub shardnumsub', merged('counts')],
  ['pubsub numpat', merged('most')],
  ['slowlog len', merged('sum')],

  ['publish', channel],
  ['spublish', channel],

  ['multi', refused(SHARED)],
  ['exec', refused(SHARED)],
  ['discard', refused(SHARED)],
  ['watch', { to: 'refused', why: SHARED, evenWithKeys: true }],
  ['unwatch', refused(SHARED)],
  ['monitor', refused('connections are shared; use monitor()')],
  ['debug', refused(PER_SERVER)],
  ['latency', refused(PER_SERVER)],
  ['slowlog', refused(PER_SERVER)],
  ['memory', refused(PER_SERVER)],
  ['config', refused(PER_SERVER)],
  ['acl', refused(PER_SERVER)],
  ['module', refused(PER_SERVER)],
  ['function', refused(PER_SERVER)],
  ['script', refused(PER_SERVER)],
  ['pubsub', refused(PER_SERVER)],
  ['object', refused('it names no key')],
  ['shutdown', refused(PER_SERVER)],
  ['backup', refused(PER_SERVER)],
  ['hotkeys', refused(PER_SERVER)],
  ['pfselftest', refused(PER_SERVER)],
  ['trimslots', refused(PER_SERVER)],
  ['role', refused(REPLICATION)],
  ['replicaof', refused(REPLICATION)],
  ['slaveof', refused(REPLICATION)],
  ['failover', refused(REPLICATION)],
  ['psync', refused(REPLICATION)],
  ['sync', refused(REPLICATION)],
  ['replconf', refused(REPLICATION)],
  ['wait', refused(REPLICATION)],
  ['waitaof', refused(REPLICATION)],
  ['client', refused(CONNECTION)],
  ['hello', refused(CONNECTION)],
  ['reset', refused(CONNECTION)],
  ['readonly', refused(CONNECTION)],
  ['readwrite', refused(CONNECTION)],
  ['asking', refused(CONNECTION)],
  ['cluster', refused('these are plain servers, not a cluster')],
  ['sentinel', refused('these are plain servers, not sentinels')],
  ['himport', refused('its field sets belong to one connection; ask shard(name)')],
  ['ft.*', refused('an index covers one server; ask shard(name)')],
  ['eval', refused('the script declares no key, so no shard is the right one')],
  ['evalsha', refused('the script declares no key, so no shard is the right one')],
  ['eval_ro', refused('the script declares no key, so no shard is the right one')],
  ['evalsha_ro', refused('the script declares no key, so no shard is the right one')],
  ['fcall', refused('the function is given no key, so no shard is the right one')],
  ['fcall_ro', refused('the function is given no key, so no shard is the right one')],
]);

/**
 * The commands with one key, which is the first argument and nothing else decides: asking ioredis
 * for the keys of a command takes as long as placing them. Whoever is not here is asked about.
 * Checked against ioredis by a test.
 */
const FIRST_ARGUMENT_IS_THE_KEY: ReadonlySet<string> = new Set(
  [
    'get set getex getdel getset setnx setex psetex append strlen getrange setrange substr incr decr incrby decrby incrbyfloat',
    'expire pexpire expireat pexpireat expiretime pexpiretime ttl pttl persist type dump restore setbit getbit bitcount bitpos bitfield',
    'hget hset hsetnx hmget hmset hgetall hdel hexists hincrby hincrbyfloat hkeys hvals hlen hstrlen hscan hrandfield',
    'lpush rpush lpushx rpushx lpop rpop llen lindex linsert lrange lrem lset ltrim lpos',
    'sadd srem scard sismember smismember smembers spop srandmember sscan',
    'zadd zrem zcard zcount zincrby zlexcount zmscore zpopmax zpopmin zrandmember zrange zrangebylex zrangebyscore zrank zremrangebylex',
    'zremrangebyrank zremrangebyscore zrevrange zrevrangebylex zrevrangebyscore zrevrank zscan zscore',
    'geoadd geodist geohash geopos geosearch pfadd xadd xdel xlen xrange xrevrange xtrim xack xpending xclaim xautoclaim',
  ].flatMap((line) => line.split(' ')),
);

/** True for a name in lower case whose one key is its first argument. */
export function hasOneKeyFirst(name: string): boolean {
  return FIRST_ARGUMENT_IS_THE_KEY.has(name);
}

/** Those that are sent so often, or with so much, that what a client spends on each shows. */
export function* frequentCommands(): Iterable<string> {
  yield* FIRST_ARGUMENT_IS_THE_KEY;
  for (const [name, { to }] of RULES) if (to === 'split') yield name;
}

/**
 * Commands that hold their connection for as long as they wait; XREAD and XREADGROUP only with
 * BLOCK.
 */
const BLOCKING: ReadonlySet<string> = new Set([
  'blpop',
  'brpop',
  'brpoplpush',
  'blmove',
  'blmovem',
  'blmpop',
  'bzpopmin',
  'bzpopmax',
  'bzmpop',
]);

export function isBlocking(name: string, args: readonly unknown[]): boolean {
  if (BLOCKING.has(name)) return true;
  if (name !== 'xread' && name !== 'xreadgroup') return false;
  for (const arg of args) {
    const option = String(arg).toLowerCase();
    if (option === 'block') return true;
    // Behind it come keys, which may be called anything.
    if (option === 'streams') return false;
  }
  return false;
}

export function isSubscription(name: string): boolean {
  return SUBSCRIPTION.has(name);
}

const SUBSCRIPTION: ReadonlySet<string> = new Set([
  'subscribe',
  'unsubscribe',
  'psubscribe',
  'punsubscribe',
  'ssubscribe',
  'sunsubscribe',
]);

/**
 * The key of a container command, such as XGROUP CREATE: ioredis 5 finds none in these. Undefined
 * for other commands, and for subcommands without a key.
 */
export function containerKey(name: string, args: readonly unknown[]): string | Buffer | undefined {
  if (args.length < 2) return undefined;
  if (name === 'memory' && subcommand(args[0]) !== 'usage') return undefined;
  return CONTAINERS.has(name) ? (args[1] as string | Buffer) : undefined;
}

/** Their second argument is the key; for MEMORY only with USAGE. */
const CONTAINERS: ReadonlySet<string> = new Set(['xgroup', 'xinfo', 'object', 'memory']);

/** The rule of a command without keys, or of one whose keys may lie on several shards. */
export function ruleOf(name: string, args: readonly unknown[]): Rule | undefined {
  const rule = args.length === 0 ? undefined : RULES.get(`${name} ${subcommand(args[0])}`);
  // The commands of a search module are about an index, whatever else they name.
  return rule ?? RULES.get(name.startsWith('ft.') ? 'ft.*' : name);
}

/** Names of subcommands are short; a first argument may be a megabyte. */
function subcommand(arg: unknown): string {
  const text = typeof arg === 'string' || Buffer.isBuffer(arg) ? arg : '';
  return text.length > 16 ? '' : text.toString().toLowerCase();
}
