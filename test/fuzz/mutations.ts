import fc from 'fast-check';
import { COMMON_WORDS, type FuzzTarget } from './target.js';

type Edit =
  | { readonly kind: 'insert' | 'replace'; readonly at: number; readonly word: Buffer }
  | { readonly kind: 'flip'; readonly at: number; readonly bit: number }
  | { readonly kind: 'remove' | 'repeat'; readonly at: number; readonly length: number }
  | { readonly kind: 'cut'; readonly at: number };

/** Longer than this nothing grows by repeating. */
const MAX_BYTES = 100_000;

/**
 * `at` is a share of the input, so that an edit still means something when others are shrunk away.
 */
function apply(input: Buffer, edit: Edit): Buffer {
  const at = Math.floor(edit.at * (input.length + 1));
  const [before, after] = [input.subarray(0, at), input.subarray(at)];
  switch (edit.kind) {
    case 'insert':
      return Buffer.concat([before, edit.word, after]);
    case 'replace':
      return Buffer.concat([before, edit.word, after.subarray(edit.word.length)]);
    case 'flip': {
      const copy = Buffer.from(input);
      if (at < copy.length) copy[at]! ^= 1 << edit.bit;
      return copy;
    }
    case 'remove':
      return Buffer.concat([before, after.subarray(edit.length)]);
    case 'repeat': {
      const again = after.subarray(0, edit.length);
      return again.length + input.length > MAX_BYTES ? input : Buffer.concat([before, again, after]);
    }
    case 'cut':
      return before;
  }
}

const bytesOf = (text: string | Buffer): Buffer => (typeof text === 'string' ? Buffer.from(text) : text);

/**
 * Inputs for a target: an example with up to a dozen edits, two examples spliced, or any bytes. It
 * shrinks to fewer edits.
 */
export function inputsFor({ examples, words = [] }: FuzzTarget): fc.Arbitrary<Buffer> {
  const example = fc.constantFrom(...examples.map(bytesOf));
  const word = fc.oneof(
    { arbitrary: fc.constantFrom(...[...COMMON_WORDS, ...words].map(bytesOf)), weight: 4 },
    { arbitrary: fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes)), weight: 1 },
    { arbitrary: example, weight: 1 },
  );
  const at = fc.double({ min: 0, max: 1, noNaN: true });
  const length = fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 1_000 }));
  const edit: fc.Arbitrary<Edit> = fc.oneof(
    fc.record({ kind: fc.constantFrom('insert' as const, 'replace' as const), at, word }),
    fc.record({ kind: fc.constant('flip' as const), at, bit: fc.integer({ min: 0, max: 7 }) }),
    fc.record({ kind: fc.constantFrom('remove' as const, 'repeat' as const), at, length }),
    fc.record({ kind: fc.constant('cut' as const), at }),
  );
  const edited = fc
    .tuple(example, fc.array(edit, { maxLength: 12 }))
    .map(([input, edits]) => edits.reduce(apply, input));
  const spliced = fc
    .tuple(example, example, at, at)
    .map(([one, other, end, start]) =>
      Buffer.concat([one.subarray(0, Math.floor(end * one.length)), other.subarray(Math.floor(start * other.length))]),
    );
  const any = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
  return fc.oneof({ arbitrary: edited, weight: 8 }, { arbitrary: spliced, weight: 1 }, { arbitrary: any, weight: 1 });
}
