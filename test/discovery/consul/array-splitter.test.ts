import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ArraySplitter } from '../../../src/discovery/consul/array-splitter.js';

function split(chunks: readonly Buffer[], maxBytes = 1e9): unknown[] {
  const elements: unknown[] = [];
  const splitter = new ArraySplitter((bytes) => elements.push(JSON.parse(bytes.toString())), maxBytes);
  for (const chunk of chunks) splitter.write(chunk);
  splitter.end();
  return elements;
}

describe('the array splitter', () => {
  it('gives what JSON.parse gives, wherever the chunks are cut', () => {
    const objects = fc.array(
      fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 4 }),
      {
        maxLength: 5,
      },
    );
    fc.assert(
      fc.property(objects, fc.integer({ min: 1, max: 40 }), fc.boolean(), (array, size, pretty) => {
        const bytes = Buffer.from(JSON.stringify(array, null, pretty ? 2 : 0));
        const chunks: Buffer[] = [];
        for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
        expect(split(chunks)).toEqual(JSON.parse(bytes.toString()));
      }),
      { numRuns: 40 },
    );
  });

  it.each([
    '',
    '  ',
    'null',
    '{}',
    '"x"',
    '<html>',
    '[1]',
    '[null]',
    '[{}',
    '[{"a":"}',
    '[{}]x',
    '[{}{}]',
    '[,{}]',
    '[{},]',
  ])('refuses %j', (text) => {
    expect(() => split([Buffer.from(text)])).toThrow();
  });

  it('refuses an answer longer than it may be', () => {
    expect(() => split([Buffer.from('[{}]')], 3)).toThrow(/longer than 3 bytes/);
  });
});
