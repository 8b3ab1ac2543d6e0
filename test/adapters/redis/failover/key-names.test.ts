import { seededRandom } from 'fairlead/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Command, keysOf, ownCommand } from '../../../../adapters/redis/driver/driver.js';
import { enterNamespace, type KeyFinder } from '../../../../adapters/redis/failover/key-names.js';
import { parseRecord, Tokens, tokenOf } from '../../../../adapters/redis/failover/shard-record.js';

const NAMESPACE = 'fl:abc123:';
const asIoredis = { keysOf, placesOf: () => undefined };
/** What the server, or the option keysOf, finds in a command. */
const finding = (keys: string[], places?: number[]): KeyFinder => ({ keysOf: () => keys, placesOf: () => places });
const entered = (name: string, args: (string | Buffer)[]): Command => {
  const command = ownCommand(name, args);
  command.promise.catch(() => {});
  expect(enterNamespace(command, NAMESPACE, asIoredis)).toBeUndefined();
  return command;
};

describe('a namespace', () => {
  it.each<[string, string[], string[]]>([
    ['get', ['k'], ['fl:abc123:k']],
    ['mset', ['a', '1', 'b', '2'], ['fl:abc123:a', '1', 'fl:abc123:b', '2']],
    ['eval', ['return 1', '2', 'a', 'b', 'a'], ['return 1', '2', 'fl:abc123:a', 'fl:abc123:b', 'a']],
    ['xread', ['STREAMS', 's', '0'], ['STREAMS', 'fl:abc123:s', '0']],
    ['zunionstore', ['d', '1', 'a', 'WEIGHTS', '2'], ['fl:abc123:d', '1', 'fl:abc123:a', 'WEIGHTS', '2']],
    ['keys', ['u*'], ['fl:abc123:u*']],
    ['scan', ['0', 'COUNT', '5'], ['0', 'COUNT', '5', 'MATCH', 'fl:abc123:*']],
    ['scan', ['0', 'match', 'u*', 'COUNT', '5'], ['0', 'match', 'fl:abc123:u*', 'COUNT', '5']],
    ['ping', [], []],
    ['get', [], []],
    ['eval', ['return 1', '2', 'a'], ['return 1', '2', 'fl:abc123:a']],
  ])('is put in front of the keys of %s and of nothing else', (name, args, expected) => {
    expect(entered(name, args).args).toEqual(expected);
  });

  it.each<[string, string[], unknown]>([
    ['keys', ['*'], 'text'],
    ['keys', ['*'], [1, null]],
    ['scan', ['0'], 7],
    ['scan', ['0'], [Buffer.from('0'), 'page']],
  ])('fails %s %j where the reply %j is not one of its own, and throws nothing', async (name, args, reply) => {
    const command = entered(name, args);
    expect(() => command.resolve(reply as never)).not.toThrow();
    await expect(command.promise).rejects.toMatchObject({ code: 'FAIRLEAD_UNCERTAIN' });
  });

  it('is not entered by a command whose keys nobody knows', () => {
    const command = ownCommand('json.get', ['doc']);
    command.promise.catch(() => {});
    expect(enterNamespace(command, NAMESPACE, finding([]))).toMatch(/not known/);
    expect(enterNamespace(command, NAMESPACE, finding(['doc']))).toBeUndefined();
    expect(command.args).toEqual(['fl:abc123:doc']);
  });

  it.each<[string, (string | Buffer)[], KeyFinder, (string | Buffer)[]]>([
    [
      'by their places',
      ['x', 'FIELD', 'x', 'x'],
      finding(['x', 'x'], [0, 2]),
      ['fl:abc123:x', 'FIELD', 'fl:abc123:x', 'x'],
    ],
    ['of a container', ['usage', 'usage'], finding(['usage'], [1]), ['usage', 'fl:abc123:usage']],
    [
      'as often as they are there',
      ['x', '2', 'x', 'y'],
      finding(['x', 'y', 'x']),
      ['fl:abc123:x', '2', 'fl:abc123:x', 'fl:abc123:y'],
    ],
    [
      'as bytes, where the server names them as text',
      [Buffer.from('x'), 'y'],
      finding(['x']),
      [Buffer.from('fl:abc123:x'), 'y'],
    ],
  ])('is put in front of the keys of a module %s, not of what looks alike', (_what, args, finder, expected) => {
    const command = ownCommand('mod.set', args);
    expect(enterNamespace(command, NAMESPACE, finder)).toBeUndefined();
    expect(command.args).toEqual(expected);
  });

  it.each<[string, (string | Buffer)[], string[]]>([
    ['is something else, too', ['x', 'FIELD', 'x'], ['x']],
    ['is not among its arguments', ['x', 'FIELD'], ['y']],
  ])('is not entered by a command of a module a key of which %s', (_what, args, keys) => {
    const command = ownCommand('mod.set', args);
    expect(enterNamespace(command, NAMESPACE, finding(keys))).toMatch(/not known here/);
    expect(command.args).toEqual(args);
  });

  it('keeps bytes as they are', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const [key] = entered('get', [Buffer.from(bytes)]).args as [Buffer];
        expect(key).toEqual(Buffer.concat([Buffer.from(NAMESPACE), Buffer.from(bytes)]));
      }),
    );
  });

  it('is not seen in replies, and other namespaces are not listed', async () => {
    const blpop = entered('blpop', ['list', '1']);
    blpop.resolve([Buffer.from('fl:abc123:list'), Buffer.from('x')] as never);
    expect(await blpop.promise).toEqual(['list', 'x']);
    const keys = entered('keys', ['*']);
    keys.resolve(
      ['fl:abc123:a', 'fl:old:a', 'fl:record:cache:generation', 'b'].map((key) => Buffer.from(key)) as never,
    );
    expect(await keys.promise).toEqual(['a']);
    for (const [reply, shown] of [
      ['fl:abc123:a', 'a'],
      ['fl:record:cache:generation', null],
    ] as const) {
      const random = entered('randomkey', []);
      random.resolve(Buffer.from(reply) as never);
      expect(await random.promise).toBe(shown);
    }
  });
});

describe('the record at a server', () => {
  it('is read as far as it makes sense', () => {
    const record = parseRecord(['abc', 'd:{*', null, '1'], ['a', 'b'], 'fl:');
    const asked = new Set(['a', 'b']);
    expect(record).toEqual({ own: 'fl:abc:', standIn: undefined, missed: new Set(['b']), asked });
    for (const nonsense of ['QUEUED', null, 1, {}]) expect(parseRecord(nonsense, ['a'], 'fl:')).toBeUndefined();
    expect(tokenOf(record!.own!, 'fl:')).toBe('abc');
  });

  it('gets tokens that are never the same again', () => {
    const tokens = new Tokens(() => 1_700_000_000_000, seededRandom(1));
    const drawn = Array.from({ length: 1_000 }, () => tokens.next());
    expect(new Set(drawn).size).toBe(drawn.length);
    for (const token of drawn) expect(parseRecord([token, token], [], 'fl:')?.own).toBe(`fl:${token}:`);
  });
});
