/**
 * What a user does with a client; calls that the types forbid are among what users of JavaScript
 * do.
 */
// biome-ignore lint/suspicious/noExplicitAny: see above
export type Call = (redis: any) => unknown;

const callback = (run: (done: (error?: unknown, reply?: unknown) => void) => unknown): Promise<unknown> =>
  new Promise((resolve) => {
    run((error, reply) => resolve(error === null || error === undefined ? ['callback', reply] : ['callback', error]));
  });

async function read(stream: AsyncIterable<unknown>): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const page of stream) found.push(...(page as unknown[]));
  return found.map((item) => String(item)).sort();
}

/** Calls of every kind, in an order in which they lead to more than errors. */
export const CALLS: readonly (readonly [name: string, call: Call])[] = [
  ['set', (r) => r.set('s', 'väl💥')],
  ['set with options', (r) => r.set('s2', 'x', 'EX', 100, 'NX')],
  ['set refused by NX', (r) => r.set('s2', 'y', 'NX')],
  ['set GET', (r) => r.set('s2', 'z', 'GET')],
  ['set a number', (r) => r.set('n', 41)],
  ['set null', (r) => r.set('null', null)],
  ['set undefined', (r) => r.set('undefined', undefined)],
  ['set an object', (r) => r.set('object', { a: 1 })],
  ['get', (r) => r.get('s')],
  ['get what is not there', (r) => r.get('nothing')],
  ['getBuffer', (r) => r.getBuffer('s')],
  ['binary', (r) => r.set(Buffer.from([0, 255]), Buffer.from([255, 0]))],
  ['binary back', (r) => r.getBuffer(Buffer.from([0, 255]))],
  ['an empty value', (r) => r.set('empty', '').then(() => r.get('empty'))],
  ['an empty buffer', (r) => r.set('empty', Buffer.alloc(0)).then(() => r.getBuffer('empty'))],
  ['setBuffer', (r) => r.setBuffer('sb', 'x')],
  ['incr', (r) => r.incr('n')],
  ['incrbyfloat', (r) => r.incrbyfloat('n', 0.5)],
  ['incr of text', (r) => r.incr('s')],
  ['append', (r) => r.append('s', '!')],
  ['strlen', (r) => r.strlen('s')],
  ['getrange', (r) => r.getrangeBuffer('s', 0, 3)],
  ['setbit', (r) => r.setbit('bits', 7, 1)],
  ['bitcount', (r) => r.bitcount('bits')],
  ['mset of an object', (r) => r.mset({ a: '1', b: '2' })],
  ['mset of a map', (r) => r.mset(new Map([['c', '3']]))],
  ['mset of a list', (r) => r.mset(['d', '4', 'e', '5'])],
  ['mset without a value', (r) => r.mset('a')],
  ['msetnx', (r) => r.msetnx({ a: '1', z: '2' })],
  ['mget', (r) => r.mget('a', 'nothing', 'b', 'a')],
  ['mget of a list', (r) => r.mget(['a', 'b'])],
  ['mgetBuffer', (r) => r.mgetBuffer('a', 'nothing')],
  ['mget without keys', (r) => r.mget()],
  ['exists', (r) => r.exists('a', 'b', 'a', 'nothing')],
  ['touch', (r) => r.touch('a', 'nothing')],
  ['del', (r) => r.del('a', 'nothing')],
  ['unlink', (r) => r.unlink('b', 'c')],
  ['rename', (r) => r.rename('d', 'd2')],
  ['rename of nothing', (r) => r.rename('nothing', 'x')],
  ['copy', (r) => r.copy('d2', 'd3')],
  ['type', (r) => r.type('s')],
  ['ttl', (r) => r.ttl('s')],
  ['expire', (r) => r.expire('s', 1000)],
  ['persist', (r) => r.persist('s')],
  ['dump', (r) => r.dumpBuffer('e')],
  ['hset', (r) => r.hset('h', { f: 'v', __proto: 'x', constructor: 'y' })],
  ['hset of a map', (r) => r.hset('h', new Map([['m', '1']]))],
  ['hset of pairs', (r) => r.hset('h', 'p', 1, 'q', 2)],
  ['hmset', (r) => r.hmset('h', { r: '1' })],
  ['hgetall', (r) => r.hgetall('h')],
  ['hgetall of nothing', (r) => r.hgetall('nothing')],
  ['hgetallBuffer', (r) => r.hgetallBuffer('h')],
  ['hgetall with a field __proto__', (r) => r.hset('hp', '__proto__', '1').then(() => r.hgetall('hp'))],
  ['hmget', (r) => r.hmget('h', 'f', 'nothing')],
  ['hincrbyfloat', (r) => r.hincrbyfloat('h', 'p', 1.5)],
  ['lpush', (r) => r.lpush('l', 'a', 'b')],
  ['rpush', (r) => r.rpush('l', ...['c', 'd'])],
  ['lrange', (r) => r.lrange('l', 0, -1)],
  ['lrangeBuffer', (r) => r.lrangeBuffer('l', 0, -1)],
  ['lpos', (r) => r.lpos('l', 'c')],
  ['rpoplpush', (r) => r.rpoplpush('l', 'l2')],
  ['lmove', (r) => r.lmove('l', 'l2', 'LEFT', 'RIGHT')],
  ['sort', (r) => r.sort('l', 'ALPHA', 'DESC')],
  ['sort with store', (r) => r.sort('l', 'ALPHA', 'STORE', 'sorted')],
  ['sort by nothing', (r) => r.sort('l', 'BY', 'nosort', 'ALPHA')],
  ['blpop', (r) => r.blpop('l', 'l2', 1)],
  ['blpop of nothing', (r) => r.blpop('nothing', 0.05)],
  ['brpoplpush', (r) => r.brpoplpush('l', 'l3', 1)],
  ['bzpopmin of nothing', (r) => r.bzpopmin('nothing', 0.05)],
  ['blmpop', (r) => r.blmpop(0.05, 1, 'l2', 'LEFT')],
  ['lpush on text', (r) => r.lpush('s', 'x')],
  ['sadd', (r) => r.sadd('set', 'a', 'b', 'c')],
  ['smembers', async (r) => (await r.smembers('set')).sort()],
  ['smismember', (r) => r.smismember('set', 'a', 'nothing')],
  ['sinterstore', (r) => r.sinterstore('set2', 'set', 'set')],
  ['sintercard', (r) => r.sintercard(1, 'set')],
  ['zadd', (r) => r.zadd('zs', 1, 'a', 2.5, 'b', '+inf', 'c')],
  ['zrange with scores', (r) => r.zrange('zs', 0, -1, 'WITHSCORES')],
  ['zscore', (r) => r.zscore('zs', 'b')],
  ['zmscore', (r) => r.zmscore('zs', 'a', 'nothing')],
  ['zrangestore', (r) => r.zrangestore('zs2', 'zs', 0, -1)],
  ['zunionstore', (r) => r.zunionstore('zs3', 2, 'zs', 'zs2')],
  ['zunion', (r) => r.zunion(2, 'zs', 'zs2', 'WITHSCORES')],
  ['zpopmin', (r) => r.zpopmin('zs2')],
  ['geoadd', (r) => r.geoadd('geo', 13.36, 38.11, 'Palermo')],
  ['geopos', (r) => r.geopos('geo', 'Palermo', 'nothing')],
  ['georadius with store', (r) => r.georadius('geo', 13, 38, 200, 'km', 'STORE', 'geo2')],
  ['pfadd', (r) => r.pfadd('hll', 'a', 'b')],
  ['pfcount', (r) => r.pfcount('hll', 'hll')],
  ['xadd', (r) => r.xadd('x', '1-1', 'f', 'v')],
  ['xrange', (r) => r.xrange('x', '-', '+')],
  ['xread', (r) => r.xread('STREAMS', 'x', '0')],
  ['xread that blocks', (r) => r.xread('BLOCK', 20, 'STREAMS', 'x', '$')],
  ['xgroup', (r) => r.xgroup('CREATE', 'x', 'g', '0')],
  ['xgroup again', (r) => r.xgroup('CREATE', 'x', 'g', '0')],
  ['xreadgroup', (r) => r.xreadgroup('GROUP', 'g', 'me', 'COUNT', 1, 'STREAMS', 'x', '>')],
  ['xpending', (r) => r.xpending('x', 'g')],
  ['xinfo', (r) => r.xinfo('GROUPS', 'x')],
  ['object', (r) => r.object('ENCODING', 'n')],
  ['object of nothing', (r) => r.object('ENCODING', 'nothing')],
  ['memory', async (r) => Number(await r.memory('USAGE', 'h')) > 0],
  ['ping', (r) => r.ping()],
  ['ping with a message', (r) => r.ping('hi')],
  ['echo', (r) => r.echo('hi')],
  ['echoBuffer', (r) => r.echoBuffer('hi')],
  ['time', async (r) => (await r.time()).length],
  ['dbsize', (r) => r.dbsize()],
  ['keys', async (r) => (await r.keys('z*')).sort()],
  ['randomkey', async (r) => typeof (await r.randomkey())],
  ['scan', (r) => r.scan('0', 'MATCH', '*zs2', 'COUNT', 1000)],
  ['scan by a number', async (r) => (await r.scan(0, 'COUNT', 1000))[0]],
  ['scan by nonsense', (r) => r.scan('x')],
  ['scanBuffer', async (r) => (await r.scanBuffer('0', 'COUNT', 1000))[0]],
  ['scanStream', (r) => read(r.scanStream({ match: '*z*', count: 2 }))],
  ['scanStream by type', (r) => read(r.scanStream({ type: 'hash' }))],
  ['scanBufferStream', (r) => read(r.scanBufferStream({ match: '*z*' }))],
  ['hscan', (r) => r.hscan('h', 0, 'MATCH', 'f')],
  ['hscanStream', (r) => read(r.hscanStream('h', { match: '*', count: 1 }))],
  ['hscanBufferStream', (r) => read(r.hscanBufferStream('h'))],
  ['sscanStream', (r) => read(r.sscanStream('set'))],
  ['sscanBufferStream', (r) => read(r.sscanBufferStream('set'))],
  ['zscanStream', (r) => read(r.zscanStream('zs'))],
  ['zscanBufferStream', (r) => read(r.zscanBufferStream('zs'))],
  ['info', async (r) => (await r.info('server')).startsWith('# Server')],
  ['config get', (r) => r.config('GET', 'maxmemory-policy')],
  ['config nonsense', (r) => r.config('NONSENSE')],
  ['client getname', (r) => r.client('GETNAME')],
  ['client setname', (r) => r.client('SETNAME', 'me')],
  ['client nonsense', (r) => r.client('NONSENSE')],
  ['command count', (r) => r.command('COUNT')],
  ['command getkeys', (r) => r.command('GETKEYS', 'MGET', 'a', 'b')],
  ['acl whoami', (r) => r.acl('WHOAMI')],
  ['slowlog len', (r) => r.slowlog('LEN')],
  ['lastsave', async (r) => typeof (await r.lastsave())],
  ['wait', (r) => r.wait(0, 1)],
  ['role', async (r) => ((await r.role()) as unknown[])[0]],
  ['debug', (r) => r.debug('SLEEP', '0')],
  ['object help', async (r) => ((await r.object('HELP')) as unknown[]).length > 3],
  ['latency', (r) => r.latency('LATEST')],
  ['cluster', (r) => r.cluster('INFO')],
  ['swapdb', (r) => r.swapdb(8, 9)],
  ['call', (r) => r.call('SET', 'called', 'x')],
  ['call of a list', (r) => r.call('GET', ['called'])],
  ['callBuffer', (r) => r.callBuffer('GET', 'called')],
  ['call of the unknown', (r) => r.call('NONSENSE', 'a', 'b')],
  ['call of a subcommand', (r) => r.call('CONFIG', 'GET', 'maxmemory')],
  ['send_command', (r) => r.send_command('get', 'called')],
  ['too few arguments', (r) => r.get()],
  ['too many arguments', (r) => r.get('a', 'b')],
  ['eval', (r) => r.eval('return {KEYS[1], ARGV[1], 7}', 1, 'k', 'a')],
  ['eval without keys', (r) => r.eval('return 1', 0)],
  ['evalBuffer', (r) => r.evalBuffer('return ARGV[1]', 0, Buffer.from([255]))],
  ['eval that fails', (r) => r.eval('return redis.error_reply("MY mistake")', 0)],
  [
    'eval that is broken',
    async (r) => String(await Promise.resolve(r.eval('nonsense(', 0)).catch(String)).slice(0, 30),
  ],
  ['script load', (r) => r.script('LOAD', 'return ARGV[1]')],
  ['evalsha', (r) => r.evalsha('098e0f0d1448c0a81dafe820f66d460eb09263da', 0, 'x')],
  ['evalsha of nothing', (r) => r.evalsha('0'.repeat(40), 0)],
  ['script exists', (r) => r.script('EXISTS', '098e0f0d1448c0a81dafe820f66d460eb09263da', 'x')],
  [
    'defineCommand',
    (r) => {
      r.defineCommand('mine', { numberOfKeys: 1, lua: 'return {KEYS[1], ARGV[1]}' });
      r.defineCommand('free', { lua: 'return {#KEYS, #ARGV}' });
      return r.mine('k', 'v');
    },
  ],
  ['a defined command with Buffers', (r) => r.mineBuffer('k', 'v')],
  ['a defined command with a count of keys', (r) => r.free(2, 'a', 'b', 'c')],
  ['a defined command after SCRIPT FLUSH', (r) => r.script('FLUSH').then(() => r.mine('k', 'v2'))],
  [
    'defined commands in a pipeline after SCRIPT FLUSH',
    async (r) => {
      await r.script('FLUSH');
      return await r.pipeline().set('p', 1).mine('k', 'v3').get('p').mine('k', 'v4').exec();
    },
  ],
  ['a defined command in MULTI', (r) => r.multi().set('p', 1).mine('k', 'v5').exec()],
  ['pipeline', (r) => r.pipeline().set('p', '1').get('p').lpush('p', 'x').getBuffer('p').exec()],
  ['pipeline without commands', (r) => r.pipeline().exec()],
  ['pipeline of a list', (r) => r.pipeline([['set', 'p', '2'], ['get', 'p'], ['nonsense']].slice(0, 2)).exec()],
  ['pipeline with callbacks', (r) => callback((done) => r.pipeline().set('p', '3').exec(done))],
  [
    'pipeline with a callback per command',
    async (r) => {
      const heard: unknown[] = [];
      const results = await r
        .pipeline()
        .get('p', (error: unknown, reply: unknown) => heard.push([error, reply]))
        .lpush('p', 'x', (error: unknown) => heard.push(String(error)))
        .exec();
      return [heard, results];
    },
  ],
  [
    'pipeline with binary',
    (r) =>
      r
        .pipeline()
        .set('pb', Buffer.from([255]))
        .getBuffer('pb')
        .set('p', 'ü')
        .get('p')
        .exec(),
  ],
  ['pipeline: length', (r) => r.pipeline().set('p', '1').get('p').length],
  ['pipeline with call', (r) => r.pipeline().call('get', 'p').exec()],
  ['multi', (r) => r.multi().set('t', '1').incr('t').hgetall('h').mget('t', 'nothing').exec()],
  [
    'multi of a list',
    (r) =>
      r
        .multi([
          ['set', 't', '2'],
          ['get', 't'],
        ])
        .exec(),
  ],
  ['multi with an error at run time', (r) => r.multi().set('t', 'x').lpush('t', 'y').get('t').exec()],
  ['multi with an error when queued', (r) => r.multi().set('t', 'never').get().exec()],
  ['multi without commands', (r) => r.multi().exec()],
  ['multi with a callback', (r) => callback((done) => r.multi().get('t').exec(done))],
  ['multi with Buffers', (r) => r.multi().getBuffer('t').exec()],
  [
    'multi within a pipeline',
    (r) => r.pipeline([['get', 't'], ['multi'], ['incr', 'c2'], ['exec'], ['get', 'c2']]).exec(),
  ],
  [
    'multi without a pipeline',
    async (r) => {
      const begun = await r.multi({ pipeline: false });
      // Longer than it takes to look at a shard again.
      await new Promise((resolve) => setTimeout(resolve, 500));
      const queued = await r.set('t', '3');
      const read = await r.get('t');
      return [begun, queued, read, await r.exec()];
    },
  ],
  [
    'lists of keys within a multi without a pipeline',
    async (r) => {
      await r.multi({ pipeline: false });
      const queued = [await r.scan('0', 'COUNT', 1), await r.keys('nothing'), await r.randomkey()];
      return [queued, (await r.exec())[1]];
    },
  ],
  [
    'what blocks within a multi without a pipeline',
    async (r) => {
      await r.multi({ pipeline: false });
      return [await r.blpop('nothing', 0), await r.exec()];
    },
  ],
  ['exec alone', (r) => r.exec()],
  ['discard alone', (r) => r.discard()],
  ['watch', async (r) => [await r.watch('t'), await r.multi().get('t').exec(), await r.unwatch()]],
  ['watch of what changes', async (r) => [await r.watch('t'), await r.set('t', '9'), await r.multi().get('t').exec()]],
  ['a callback', (r) => callback((done) => r.get('s', done))],
  ['a callback with an error', (r) => callback((done) => r.lpush('s', 'x', done))],
  ['publish to nobody', (r) => r.publish('nobody', 'x')],
  ['pubsub channels', (r) => r.pubsub('CHANNELS')],
  ['pubsub numsub', (r) => r.pubsub('NUMSUB', 'nobody')],
  ['select', (r) => r.select(3)],
  ['another database is empty', (r) => r.dbsize()],
  ['select out of range', (r) => r.select(999)],
  ['select back', (r) => r.select(0)],
  ['flushdb', (r) => r.flushdb()],
  ['flushall', (r) => r.flushall('ASYNC')],
  ['mode', (r) => r.mode],
  ['status', (r) => r.status],
  ['isCluster', (r) => r.isCluster],
  ['builtin commands', (r) => r.getBuiltinCommands().length],
  ['quit', (r) => r.quit()],
  ['after quit', (r) => r.get('s')],
  ['quit again', (r) => r.quit()],
  ['the status after quit', (r) => r.status],
];
