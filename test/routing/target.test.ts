import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readTarget } from '../../src/routing/target.js';

describe('a target that routes see', () => {
  it.each([
    ['/a%2fb', ['a%2Fb']],
    ['/%41%2D', ['A-']],
    ['/a//b', ['a', 'b']],
    ['/a/', ['a', '']],
    ['/', ['']],
    ["/it's|%zz%", ["it's|%zz%"]],
    ['/.hidden/..x/x..', ['.hidden', '..x', 'x..']],
    ['/a%5Cb', ['a%5Cb']],
  ])('is %s in normal form', (target, segments) => {
    expect(readTarget(`${target}?q=/../`)).toEqual({ raw: target, query: '?q=/../', segments });
  });

  it.each([
    '/..',
    '/a/../b',
    '/a/./b',
    '/a/.',
    '/%2e%2e/b',
    '/a/.%2E/b',
    '/a/%2f../b',
    '/a/..%2fb',
    '/a/..;x=1/b',
    '/a/.;/b',
    '/a%5c..%5cb',
    '/a\\b',
    '/a#b',
    'a',
    '*',
    '',
  ])('is none where servers may differ about it: %s', (target) => {
    expect(readTarget(target)).toBeUndefined();
  });

  it('has the same segments however its unreserved bytes are escaped', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9_~/-]{0,20}$/), fc.infiniteStream(fc.boolean()), (path, escaped) => {
        const written = [...path]
          .map((char) =>
            char !== '/' && escaped.next().value ? `%${char.charCodeAt(0).toString(16).padStart(2, '0')}` : char,
          )
          .join('');
        expect(readTarget(`/${written}`)!.segments).toEqual(readTarget(`/${path}`)!.segments);
      }),
    );
  });
});
