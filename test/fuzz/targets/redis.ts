import { KeyRing } from 'fairlead/hashing';
import { expect } from 'vitest';
import { KeySpecs } from '../../../adapters/redis/commands/key-specs.js';
import { decodeCursor } from '../../../adapters/redis/commands/scan.js';
import { mergeReplies, splitOf } from '../../../adapters/redis/commands/split.js';
import { isSort, sortKeys } from '../../../adapters/redis/driver/sort-keys.js';
import { parseNote } from '../../../adapters/redis/handover/ring-note.js';
import type { FuzzTarget } from '../target.js';

const ring = new KeyRing({ hash: 'ketama' });
ring.update([
  { id: 'a', weight: 1 },
  { id: 'b', weight: 2 },
]);
const note = {
  ring: {
    placement: 'ketama',
    compatibility: 'none',
    shards: [{ name: 'a', id: 'a', host: '10.0.0.1', port: 6379, weight: 1, readOnly: false, replicas: [] }],
  },
  windows: [],
};
const info = [['json.get', 2, ['readonly'], 1, 1, 1, [], [], [], []]];
const notJson = (error: unknown): boolean => error instanceof SyntaxError;

export const redis: readonly FuzzTarget[] = [
  {
    name: 'redis-command-info',
    examples: [JSON.stringify(info), '[null]', JSON.stringify([['ft.search', -2, ['movablekeys'], 0, 0, 0]])],
    words: ['"movablekeys"', '-1', '1e9', '[[', 'null', '0,0,0'],
    refusal: notJson,
    async read(input) {
      const reply: unknown = JSON.parse(input.toString());
      const specs = new KeySpecs(async () => reply);
      const args = ['k', 'l', 'm'];
      const keys = await specs.find('json.get', args);
      for (const place of specs.places('json.get', args) ?? []) expect(args[place]).toBeDefined();
      for (const key of keys ?? []) expect(['string', 'object']).toContain(typeof key);
    },
  },
  {
    name: 'redis-ring-note',
    examples: [JSON.stringify(note)],
    words: ['"shards":[]', '"weight":0', '"port":"6379"', '"windows":[{}]', '"dueMs":1'],
    read: (input) => parseNote(input.toString()),
  },
  {
    name: 'redis-cursor',
    examples: ['0', '18446744073709551615', '12345'],
    read(input) {
      const position = decodeCursor(input.toString());
      if (position !== undefined) expect(position.ordinal).toBeGreaterThanOrEqual(0);
    },
  },
  {
    name: 'redis-keys',
    examples: ['user:7', '{tag}rest', 'a{}b', Buffer.from([0, 255, 123, 125])],
    words: ['{', '}', '{}', '{{', '}{'],
    read(input) {
      // A key is the same as text and as bytes, and always somewhere.
      const text = input.toString();
      expect([0, 1]).toContain(ring.lookup(input));
      if (Buffer.from(text).equals(input)) expect(ring.lookup(text)).toBe(ring.lookup(input));
    },
  },
  {
    name: 'redis-arguments',
    examples: ['mylist\nBY\nweight_*\nGET\nobject_*\nSTORE\ndst', 'a\nb\nc\nd'],
    words: ['\nSTORE\n', '\nstore', '\nBY', '\nGET\n', '\nLIMIT\n0'],
    read(input) {
      const args = input.toString('latin1').split('\n');
      if (isSort('sort')) for (const key of sortKeys(args)) expect(key).toBeDefined();
      const shards = [{ name: 'a' }, { name: 'b' }];
      const split = splitOf(args, 1, {
        places: shards.length,
        placeOf: (key) => ring.lookup(key as string),
        targetAt: (place) => shards[place] as never,
      });
      const replies = split.parts.map((part) => part.args);
      expect(mergeReplies('values', split, replies)).toEqual(args);
    },
  },
];
