import { FairleadError } from 'fairlead';
import { describe, expect, it } from 'vitest';
import {
  boolean,
  integer,
  number,
  oneOf,
  optional,
  readOptions,
  secret,
  text,
  textList,
} from '../../src/runtime/options.js';

const schema = {
  sizeBytes: integer(10, 1, 100),
  ratio: number(0.5, 0, 1),
  mode: oneOf('fast', 'fast', 'safe'),
  on: boolean(false),
  name: text(undefined),
  token: secret(),
  tags: textList(),
  limit: optional(number(0, 0, 5)),
};
const read = (options: unknown): unknown => readOptions('thing', options, schema);

describe('readOptions', () => {
  it('fills in the defaults', () => {
    expect(read(undefined)).toEqual({
      sizeBytes: 10,
      ratio: 0.5,
      mode: 'fast',
      on: false,
      name: undefined,
      token: undefined,
      tags: [],
      limit: undefined,
    });
  });

  it.each([
    [{ sizeBytes: 1.5 }, 'thing.sizeBytes is 1.5: allowed is a whole number from 1 to 100.'],
    [{ sizeBytes: '5' }, 'thing.sizeBytes is "5": allowed is a whole number from 1 to 100.'],
    [{ ratio: Number.NaN }, 'thing.ratio is NaN: allowed is a number from 0 to 1.'],
    [{ mode: 'quick' }, 'thing.mode is "quick": allowed is one of fast, safe.'],
    [{ on: 1 }, 'thing.on is 1: allowed is true or false.'],
    [{ name: '' }, 'thing.name is "": allowed is a string that is not empty.'],
    [{ tags: [1] }, 'thing.tags is an array: allowed is an array of strings.'],
    [{ limit: 6 }, 'thing.limit is 6: allowed is a number from 0 to 5.'],
    [[], 'thing is an array: allowed is an object'],
    ['fast', 'thing is "fast": allowed is an object'],
    [{ rat: 1 }, 'thing.rat is not an option: there are sizeBytes, ratio, mode, on, name, token, tags, limit.'],
    [JSON.parse('{"__proto__": 1}'), 'thing.__proto__ is not an option'],
  ])('refuses %j by an error that names the option, the value and what is allowed', (options, message) => {
    expect(() => read(options)).toThrow(message);
    expect(() => read(options)).toThrow(FairleadError);
  });

  it('never shows the value of a secret', () => {
    expect(() => read({ token: 12345 })).toThrow(/value not shown/);
    expect(() => read({ token: 12345 })).not.toThrow(/12345/);
  });
});
