import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KeySpecs } from '../../../../adapters/redis/commands/key-specs.js';
import type { RedisKey } from '../../../../adapters/redis/common/errors.js';

/** A server that answers COMMAND with this, or fails with it. */
function specsOf(answers: Readonly<Record<string, unknown>>): { readonly specs: KeySpecs; readonly asked: string[] } {
  const asked: string[] = [];
  const specs = new KeySpecs(async ([what, name]: readonly RedisKey[]) => {
    asked.push(`${what} ${name}`);
    const answer = answers[`${what} ${name}`];
    if (answer instanceof Error) throw answer;
    return answer;
  });
  return { specs, asked };
}

const info = (
  first: number,
  last: number,
  step: number,
  flags: string[] = [],
  subcommands: unknown[] = [],
): unknown => [['x', -2, flags, first, last, step, [], [], [], subcommands]];
const replyError = (message: string): Error => Object.assign(new Error(message), { name: 'ReplyError' });

describe('the keys of a command that only the server knows', () => {
  it('are asked for once where they have fixed places', async () => {
    const { specs, asked } = specsOf({ 'INFO json.get': info(1, 1, 1), 'INFO json.mget': info(1, -2, 1) });
    expect(specs.known('json.get', ['k', '$'])).toBeUndefined();
    expect(await specs.find('json.get', ['k', '$'])).toEqual(['k']);
    expect(await specs.find('json.get', ['l', '$'])).toEqual(['l']);
    expect(specs.known('json.get', ['m'])).toEqual(['m']);
    expect(await specs.find('json.mget', ['a', 'b', 'c', '$'])).toEqual(['a', 'b', 'c']);
    expect(asked).toEqual(['INFO json.get', 'INFO json.mget']);
  });

  it('are asked for each time where the arguments decide', async () => {
    const { specs, asked } = specsOf({
      'INFO tdigest.merge': info(1, 1, 1, ['write', 'movablekeys']),
      'GETKEYS tdigest.merge': ['d', 'a', 'b'],
      'INFO box': info(0, 0, 0, [], [['box|open']]),
      'GETKEYS box': replyError('ERR The command has no key arguments'),
    });
    for (let i = 0; i < 2; i++)
      expect(await specs.find('tdigest.merge', ['d', '2', 'a', 'b'])).toEqual(['d', 'a', 'b']);
    expect(specs.known('tdigest.merge', ['d', '2', 'a', 'b'])).toBeUndefined();
    expect(await specs.find('box', ['open'])).toEqual([]);
    expect(asked).toEqual([
      'INFO tdigest.merge',
      'GETKEYS tdigest.merge',
      'GETKEYS tdigest.merge',
      'INFO box',
      'GETKEYS box',
    ]);
  });

  it('are none, or not known, as the server says', async () => {
    const { specs, asked } = specsOf({
      'INFO ping.me': info(0, 0, 0),
      'INFO nonsense': [null],
      'INFO odd': info(1, 1, 1, ['movablekeys']),
      'GETKEYS odd': replyError('ERR Invalid number of arguments specified for command'),
    });
    expect(await specs.find('ping.me', ['x'])).toEqual([]);
    for (let i = 0; i < 2; i++) expect(await specs.find('nonsense', ['x'])).toBeUndefined();
    expect(await specs.find('odd', [])).toBeUndefined();
    expect(asked.filter((each) => each === 'INFO nonsense')).toHaveLength(2);
  });

  it('cannot be told where the server cannot be asked', async () => {
    const { specs } = specsOf({
      'INFO a': new Error('down'),
      'INFO b': info(1, 1, 1, ['movablekeys']),
      'GETKEYS b': new Error('down'),
    });
    await expect(specs.find('a', ['x'])).rejects.toThrow('down');
    await expect(specs.find('b', ['x'])).rejects.toThrow('down');
  });

  it('are never more than the arguments, whatever the server answers', async () => {
    const anything = fc.anything({ maxDepth: 3 });
    const infoLike = fc.tuple(fc.tuple(anything, anything, anything, fc.integer(), fc.integer(), fc.integer()));
    await fc.assert(
      fc.asyncProperty(fc.oneof(anything, infoLike), anything, fc.array(fc.string()), async (first, second, args) => {
        const { specs } = specsOf({ 'INFO x': first, 'GETKEYS x': second });
        const keys = await specs.find('x', args).catch(() => []);
        for (const key of keys ?? []) expect(typeof key === 'string' || Buffer.isBuffer(key)).toBe(true);
      }),
    );
  });

  it('are kept for so many commands only', async () => {
    let asked = 0;
    const specs = new KeySpecs(async () => {
      asked++;
      return info(1, 1, 1);
    });
    for (let i = 0; i < 1_001; i++) await specs.find(`m.${i}`, ['k']);
    expect(specs.known('m.0', ['k'])).toBeUndefined();
    expect(specs.known('m.1000', ['k'])).toEqual(['k']);
    expect(asked).toBe(1_001);
  });
});
