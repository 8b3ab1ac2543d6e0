import { describe, expect, it } from 'vitest';
import {
  decodeText,
  lineAndColumn,
  MAX_DEPTH,
  NotJson,
  parseJson,
  refuseUnlikeJson,
  repeatedName,
  withoutMark,
  yamlMessage,
} from '../../src/runtime/parse-text.js';

describe('a text that is not JSON', () => {
  it.each([
    ['{\n  "a": hunter2\n}', 2, 8],
    ['{"a": 1,}', 1, 9],
    ['hunter2', 1, 1],
  ])('%j is refused by line and column, and not quoted', (text, line, column) => {
    const refuse = (): unknown => parseJson(text);
    expect(refuse).toThrow(NotJson);
    expect(refuse).toThrow(
      expect.objectContaining({ line, column, message: `it is not JSON: see line ${line}, column ${column}` }),
    );
  });

  it('that ends too early is wrong at its end', () => {
    expect(() => parseJson('{\n"a": [1')).toThrow(expect.objectContaining({ line: 2, column: 8 }));
  });

  it('is the other kind', () => {
    expect(parseJson('{"a":[1]}')).toEqual({ a: [1] });
  });
});

describe('a place in a text', () => {
  it.each([
    [0, 1, 1],
    [1, 1, 2],
    [2, 1, 3],
    [3, 2, 1],
    [5, 2, 3],
    [6, 3, 1],
  ])('at offset %i is line %i, column %i', (offset, line, column) => {
    expect(lineAndColumn('ab\ncd\nef', offset)).toEqual({ line, column });
  });
});

describe('what YAML says of a text', () => {
  it.each([
    ['Unresolved alias: hunter2', 'Unresolved alias'],
    ['Unknown directive %hunter2', 'Unknown directive'],
    ['Nested mappings are not allowed', 'Nested mappings are not allowed'],
    ['Bad: one\nline: two', 'Bad'],
  ])('%j is passed on without what it quotes', (message, kept) => {
    expect(yamlMessage(message)).toBe(kept);
  });
});

describe('a value that a document holds', () => {
  const nested = (levels: number): unknown => {
    let value: unknown = 1;
    for (let i = 0; i < levels; i++) value = i % 2 === 0 ? [value] : { value };
    return value;
  };

  it('is what JSON has, nested so deep at most', () => {
    for (const value of [null, 1, 'x', true, undefined, [], {}, { a: [{ b: null }] }, nested(MAX_DEPTH)]) {
      expect(() => refuseUnlikeJson(value)).not.toThrow();
    }
    expect(() => refuseUnlikeJson(nested(MAX_DEPTH + 1))).toThrow('it is nested more than 100 deep');
  });

  it('may stand in two places, but not in itself', () => {
    const twice = { a: 1 };
    expect(() => refuseUnlikeJson([twice, { twice }])).not.toThrow();
    const round: unknown[] = [];
    round.push({ round });
    expect(() => refuseUnlikeJson(round)).toThrow('an anchor holds an alias of itself');
  });

  it.each([[new Date(0)], [new Set()], [new Map()], [new Uint8Array(1)], [[{ at: new Date(0) }]]])(
    'is refused where JSON has none: %o',
    (value) => {
      expect(() => refuseUnlikeJson(value)).toThrow('it holds a value that JSON has not');
    },
  );
});

describe('bytes of a file', () => {
  it('are read as UTF-8, without a mark', () => {
    expect(decodeText(Buffer.from('grüß'))).toBe('grüß');
    expect(decodeText(Buffer.from('\uFEFFx'))).toBe('x');
    expect(() => decodeText(Buffer.from([0x61, 0xff]))).toThrow('it is not UTF-8');
  });

  it('that are a text have a mark taken off once', () => {
    expect([withoutMark('\uFEFF\uFEFFx'), withoutMark('x\uFEFF')]).toEqual(['\uFEFFx', 'x\uFEFF']);
  });
});

describe('a name that stands twice in one object', () => {
  it.each<[string, number | undefined]>([
    ['{"a":1,"a":2}', 7],
    ['{"a":1,"b":{"a":2},"a":3}', 19],
    ['[{"a":1},{"a":2}]', undefined],
    ['{"a":{"a":1}}', undefined],
    ['{"a":1,"\\u0061":2}', 7],
    ['{"a" : 1, "a" : 2}', 10],
    ['{"a":"b","b":"a"}', undefined],
    ['{"a":"}","a":1}', 9],
    ['{"a\\"b":1,"a\\"b":2}', 10],
    ['["a","a"]', undefined],
    ['"a"', undefined],
    ['{"x":[{"a":1}],"a":1,"a":2}', 21],
  ])('is found in %s at %j', (text, at) => {
    expect(repeatedName(text)).toBe(at);
  });
});
