import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mistakeIn } from '../../src/runtime/json-mistake.js';

describe('the mistake in a text that is not JSON', () => {
  it.each<[text: string, offset: number]>([
    ['', 0],
    ['  ', 2],
    ['hunter2', 0],
    ['{"a": hunter2}', 6],
    ['{"a": 1,}', 8],
    ['{"a": 1 "b": 2}', 8],
    ['{"a" 1}', 5],
    ['{"a": 1', 7],
    ['{a: 1}', 1],
    ["{'a': 1}", 1],
    ['{,}', 1],
    ['{"a":}', 5],
    ['[1,]', 3],
    ['[,1]', 1],
    ['[1 2]', 3],
    ['[1}', 2],
    ['[1', 2],
    ['{"a": [1, {"b": tru}]}', 16],
    ['{"a": 01}', 7],
    ['-', 0],
    ['1.', 1],
    ['+1', 0],
    ['.5', 0],
    ['NaN', 0],
    ['"a', 0],
    ['"a\\x"', 0],
    ['"\\u12g4"', 0],
    ['["a\nb"]', 1],
    ['{} {}', 3],
    ['1 2', 2],
    ['1,2', 1],
    ['"a" x', 4],
    ['[1]]', 3],
    ['// comment\n{}', 0],
    ['\uFEFF{}', 0],
  ])('%j is at %i', (text, offset) => {
    expect(() => JSON.parse(text)).toThrow(SyntaxError);
    expect(mistakeIn(text)).toBe(offset);
  });

  it('is none, at its end, in whatever is JSON', () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom('', ' ', '\n\t\r '), (json, space) => {
        const text = `${space}${json}${space}`;
        expect(mistakeIn(text)).toBe(text.length);
      }),
    );
    for (const text of ['-0.5e+10', '"\\u00e9\\\\\\/\\""', '[[],{},[{}]]', 'null', '"\u007f\u2028"']) {
      expect([JSON.parse(text) !== undefined, mistakeIn(text)]).toEqual([true, text.length]);
    }
  });

  it('is nowhere before the first character that differs, whatever was broken', () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(), fc.constantFrom('@', '}', ']', ',', ':', '"', 'x', ''), (json, place, other) => {
        const at = place % json.length;
        const text = `${json.slice(0, at)}${other}${json.slice(at + 1)}`;
        let isJson = true;
        try {
          JSON.parse(text);
        } catch {
          isJson = false;
        }
        const found = mistakeIn(text);
        expect(found === text.length || !isJson).toBe(true);
        // All that is before it may go on to be JSON.
        expect(mistakeIn(text.slice(0, found))).toBe(found);
      }),
    );
  });

  it('is found in a long text, however deep it is nested', () => {
    const text = `${'['.repeat(100_000)}"${'a\\n'.repeat(200_000)}"x`;
    expect(mistakeIn(text)).toBe(text.length - 1);
  });
});
