import { describe, expect, it } from 'vitest';
import { isSame } from '../../src/runtime/same.js';

class Thing {
  readonly a = 1;
}
const thing = new Thing();
const call = (): void => {};

describe('two values', () => {
  it.each<[unknown, unknown]>([
    [1, 1],
    [Number.NaN, Number.NaN],
    [undefined, undefined],
    [{}, {}],
    [[], []],
    [
      { a: 1, b: [1, { c: 2 }] },
      { b: [1, { c: 2 }], a: 1 },
    ],
    [Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
    [{ a: undefined }, { a: undefined }],
    [
      { call, thing },
      { call, thing },
    ],
  ])('%o and %o say the same', (a, b) => {
    expect([isSame(a, b), isSame(b, a)]).toEqual([true, true]);
  });

  it.each<[unknown, unknown]>([
    [1, '1'],
    [0, -0],
    [null, {}],
    [null, undefined],
    [{}, []],
    [[1], [1, 2]],
    [[1], [2]],
    [[1], { 0: 1 }],
    [{ a: 1 }, { a: 2 }],
    [{ a: 1 }, { a: 1, b: 2 }],
    [{ a: undefined }, { b: undefined }],
    [{ toString: undefined }, {}],
    [{ a: { b: 1 } }, { a: { b: 2 } }],
    [new Thing(), new Thing()],
    [new Thing(), { a: 1 }],
    [() => 1, () => 1],
  ])('%o and %o do not', (a, b) => {
    expect([isSame(a, b), isSame(b, a)]).toEqual([false, false]);
  });
});
