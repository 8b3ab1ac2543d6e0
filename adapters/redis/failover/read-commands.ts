/**
 * The commands that only read, as the servers report them (flag `readonly` of COMMAND, Redis 7.0 to
 * 8.4): what a replica may answer. Those of modules are not among them.
 */
const READS: ReadonlySet<string> = new Set(
  `bitcount bitfield_ro bitpos dbsize digest dump eval_ro evalsha_ro exists expiretime fcall_ro geodist geohash geopos
  georadius_ro georadiusbymember_ro geosearch get getbit getrange hexists hexpiretime hget hgetall hkeys hlen hmget
  hpexpiretime hpttl hrandfield hscan hstrlen httl hvals keys lcs lindex llen lolwut lpos lrange mget pexpiretime pfcount
  pttl randomkey scan scard sdiff sinter sintercard sismember smembers smismember sort_ro srandmember sscan strlen substr
  sunion touch ttl type vcard vdim vemb vgetattr vinfo vismember vlinks vrandmember vrange vsim xlen xpending xrange xread
  xrevrange zcard zcount zdiff zinter zintercard zlexcount zmscore zrandmember zrange zrangebylex zrangebyscore zrank
  zrevrange zrevrangebylex zrevrangebyscore zrevrank zscan zscore zunion`.split(/\s+/),
);

/** Containers of which these parts read. */
const READING_PARTS: ReadonlySet<string> = new Set([
  'memory usage',
  'object encoding',
  'object freq',
  'object idletime',
  'object refcount',
  'xinfo consumers',
  'xinfo groups',
  'xinfo stream',
]);

export function isRead(name: string, args: readonly unknown[]): boolean {
  return READS.has(name) || (args.length > 0 && READING_PARTS.has(`${name} ${String(args[0]).toLowerCase()}`));
}

/** For the test that asks a server. */
export const READ_NAMES: readonly string[] = [...READS];
