import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyPatch, type Json, patchOf } from '../../../../adapters/admin/state/merge-patch.js';

const values = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.string(),
    fc.integer(),
    fc.boolean(),
    fc.array(fc.integer(), { maxLength: 3 }),
    fc.dictionary(fc.oneof(fc.constantFrom('a', 'b', '__proto__', 'constructor'), fc.string()), tie('value'), {
      maxKeys: 5,
    }),
  ),
})).value as fc.Arbitrary<Json>;

describe('a patch of RFC 7396', () => {
  it('makes the one out of the other, through JSON, whatever names there are', () => {
    fc.assert(
      fc.property(values, values, (before, after) => {
        const patch = patchOf(before, after);
        const sent = patch === undefined ? undefined : (JSON.parse(JSON.stringify(patch)) as Json);
        const told = JSON.parse(JSON.stringify(before)) as Json;
        const made = sent === undefined ? told : applyPatch(told, sent);
        expect(JSON.stringify(sorted(made))).toBe(JSON.stringify(sorted(after)));
      }),
    );
  });

  it('says what changed and nothing else', () => {
    const before = { a: { x: 1, y: [1, 2] }, b: 2, c: 3 };
    expect(patchOf(before, { a: { x: 1, y: [1, 2] }, b: 5 })).toEqual({ b: 5, c: null });
    expect(patchOf(before, structuredClone(before))).toBeUndefined();
  });

  it('does not touch the prototype of anything', () => {
    applyPatch({}, JSON.parse('{"__proto__":{"polluted":true}}') as Json);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });
});

function sorted(value: Json): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const entries = Object.keys(value)
    .sort()
    .map((name) => [name, sorted((value as Record<string, Json>)[name]!)] as const);
  return entries as unknown as Json;
}
