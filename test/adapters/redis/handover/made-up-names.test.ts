import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { Command } from '../../../../adapters/redis/driver/driver.js';
import { keyWithTag, makesUpNames, tagOf, tagsOf } from '../../../../adapters/redis/handover/made-up-names.js';
import { hashedPart } from '../../../../adapters/redis/shards/placement.js';

describe('a command that may name keys which are none of its arguments', () => {
  it.each(['eval', 'EVALSHA', 'eval_ro', 'evalsha_ro', 'fcall', 'fcall_ro'])('is %s', (name) => {
    expect(makesUpNames(new Command(name, ['x', 1, '{a}:b']))).toBe(true);
  });

  it('is SORT with a pattern, and not without', () => {
    expect(makesUpNames(new Command('sort', ['{a}:ids', 'BY', '{a}:weight:*']))).toBe(true);
    expect(makesUpNames(new Command('SORT_RO', ['{a}:ids', 'GET', '{a}:name:*->x']))).toBe(true);
    expect(makesUpNames(new Command('sort', ['{a}:ids', 'BY', 'nosort']))).toBe(false);
  });

  it('is none of the others that ioredis knows', () => {
    const others = new Redis({ lazyConnect: true })
      .getBuiltinCommands()
      .filter((name) => !/^(eval|fcall|sort)/.test(name));
    expect(others.length).toBeGreaterThan(200);
    expect(others.filter((name) => makesUpNames(new Command(name, ['{a}:b', 'x'])))).toEqual([]);
  });
});

describe('the tag of a key', () => {
  it.each([
    ['{a}:b', 'a'],
    ['x{a}{b}', 'a'],
    ['{{a}}', '{a'],
    ['}{a}', 'a'],
  ])('of %s is %s, and a key is made of it again', (key, tag) => {
    for (const each of [key, Buffer.from(key)]) {
      expect(tagOf(each)).toBe(tag);
      expect(hashedPart(keyWithTag(tag)).toString()).toBe(String(hashedPart(key)));
    }
  });

  it.each(['a', '{}a', '{a', 'a}', ''])('of %j is none', (key) => {
    expect(tagOf(key)).toBeUndefined();
    expect(tagOf(Buffer.from(key))).toBeUndefined();
  });

  it('is the same of text and of bytes, whatever they are', () => {
    expect(tagOf('{ä}')).toBe(tagOf(Buffer.from('{ä}')));
    const bytes = Buffer.from([0x7b, 0xff, 0x00, 0x7d, 0x61]);
    expect(keyWithTag(tagOf(bytes)!)).toEqual(bytes.subarray(0, 4));
    expect(tagsOf(['{a}1', '{a}2', 'b', '{c}'])).toEqual(['a', 'c']);
  });
});
