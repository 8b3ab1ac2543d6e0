import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeCursor, encodeCursor } from '../../../../adapters/redis/commands/scan.js';
import { mergeReplies, type Places, splitOf } from '../../../../adapters/redis/commands/split.js';
import { hashedPart, placeShards } from '../../../../adapters/redis/shards/placement.js';
import type { Target } from '../../../../adapters/redis/shards/shard.js';

const keys = fc.array(fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', '', '{', '{}', '{a}')), {
  minLength: 1,
});
const shards = ['a', 'b', 'c'].map((name) => ({ name }) as Target);
const placeOf = (key: string | Buffer): number => key.toString().length % shards.length;
const set: Places = {
  // One more than are used: a number is not a part's.
  places: shards.length + 1,
  placeOf: (key) => placeOf(key as string),
  targetAt: (place) => shards[place]!,
};

describe('splitting', () => {
  it('gives every shard its own keys, each once and in the order of the command', () => {
    fc.assert(
      fc.property(keys, (args) => {
        const { parts, partOf } = splitOf(args, 1, set);
        expect(new Set(parts.map(({ shard }) => shard)).size).toBe(parts.length);
        expect(partOf.map((part) => parts[part]!.shard)).toEqual(args.map((key) => shards[placeOf(key)]));
        for (const part of parts) {
          expect(part.args).toEqual(args.filter((key) => shards[placeOf(key)] === part.shard));
        }
      }),
    );
  });

  it('places each key once', () => {
    const placed: unknown[] = [];
    const args = ['a', 'bb', 'a', 'ccc'];
    splitOf(args, 1, { ...set, placeOf: (key) => placed.push(key) && placeOf(key as string) });
    expect(placed).toEqual(args);
  });

  it('keeps values beside their keys', () => {
    fc.assert(
      fc.property(keys, (names) => {
        const args = names.flatMap((key, i) => [key, `value ${i}`]);
        const { parts, partOf } = splitOf(args, 2, set);
        expect(parts.map((part) => part.args)).toEqual(
          parts.map((_, part) => partOf.flatMap((each, i) => (each === part ? args.slice(i * 2, i * 2 + 2) : []))),
        );
      }),
    );
  });

  it('and merging gives the values in the order of the keys', () => {
    fc.assert(
      fc.property(keys, (args) => {
        const split = splitOf(args, 1, set);
        const replies = split.parts.map((part) => part.args.map((key) => `value of ${key}`));
        expect(mergeReplies('values', split, replies)).toEqual(args.map((key) => `value of ${key}`));
      }),
    );
  });

  it('and merging adds up numbers, also where they come as text', () => {
    expect(mergeReplies('sum', { partOf: [] }, [1, 2, 4])).toBe(7);
    expect(mergeReplies('sum', { partOf: [] }, ['1', '2'])).toBe('3');
  });
});

describe('the cursor of SCAN', () => {
  const cursors = fc.bigInt(0n, 2n ** 64n - 1n).map(String);

  it('holds any cursor of any shard, as a decimal number', () => {
    fc.assert(
      fc.property(cursors, fc.integer({ min: 0, max: 65_535 }), (cursor, ordinal) => {
        const text = encodeCursor({ ordinal, cursor });
        expect(text).toMatch(/^\d+$/);
        expect(decodeCursor(text)).toEqual({ ordinal, cursor });
      }),
    );
  });

  it("is '0' only at the beginning of the first shard", () => {
    fc.assert(
      fc.property(cursors, fc.integer({ min: 0, max: 65_535 }), (cursor, ordinal) => {
        expect(encodeCursor({ ordinal, cursor }) === '0').toBe(cursor === '0' && ordinal === 0);
      }),
    );
  });

  it.each(['', '-1', 'x', '1.5', '9'.repeat(41)])('is not %j', (text) => {
    expect(decodeCursor(text)).toBeUndefined();
  });
});

describe('a hash tag', () => {
  // The examples of the Redis Cluster specification.
  it.each([
    ['{user1000}.following', 'user1000'],
    ['foo{}{bar}', 'foo{}{bar}'],
    ['foo{{bar}}zap', '{bar'],
    ['foo{bar}{zap}', 'bar'],
    ['{', '{'],
    ['', ''],
  ])('of %j is %j', (key, part) => {
    expect(hashedPart(key)).toBe(part);
    expect(hashedPart(Buffer.from(key)).toString()).toBe(part);
  });
});

describe.each(['ketama', 'rendezvous', 'maglev'] as const)('placement by %s', (placement) => {
  const options = { placement, compatibility: 'none' } as const;
  const three = ['a', 'b', 'c'].map((name) => ({ name, weight: 1 }));
  const placed = placeShards(three, options);

  it('is the same for text and bytes, and lets an owner that is out move its own keys only', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 0, max: 2 }), (key, out) => {
        const owner = placed.ownerOf(key);
        expect(placed.ownerOf(Buffer.from(key))).toBe(owner);
        const accepted = placed.acceptedOf(key, (shard) => shard !== out);
        if (owner === out) expect(accepted).not.toBe(out);
        else expect(accepted).toBe(owner);
        expect(placed.acceptedOf(key, () => false)).toBe(-1);
      }),
    );
  });

  it('follows the weights', () => {
    const weighted = placeShards(
      three.map(({ name }, i) => ({ name, weight: i === 2 ? 2 : 1 })),
      options,
    );
    const counts = [0, 0, 0];
    for (let i = 0; i < 20_000; i++) counts[weighted.ownerOf(`user:${i}`)]!++;
    expect(counts[2]! / 20_000).toBeGreaterThan(0.45);
    expect(counts[2]! / 20_000).toBeLessThan(0.55);
  });
});
