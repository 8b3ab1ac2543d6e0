import { describe, expect, it } from 'vitest';
import { headerOf } from '../../../adapters/http/headers.js';

describe('the header of a request that options ask for', () => {
  it.each([
    ['a flat list', ['Baggage', 'x=1', 'x-a', '1', 'baggage', 'lane=a', 'x-a', '2']],
    ['an object', { Baggage: ['x=1', 'lane=a'], 'x-a': ['1', '2'] }],
    [
      'pairs',
      new Map<string, string | string[]>([
        ['baggage', ['x=1', 'lane=a']],
        ['X-A', '1'],
      ]),
    ],
  ])('of %s is its first value, but all lines of baggage', (_, headers) => {
    expect(headerOf(headers as never, 'baggage')).toBe('x=1,lane=a');
    expect(headerOf(headers as never, 'x-a')).toBe('1');
    expect(headerOf(headers as never, 'x-b')).toBeUndefined();
  });
});
