import { describe, expect, it } from 'vitest';
import {
  addressOf,
  type EndpointSpec,
  isWeight,
  registeredWeight,
  sameAddress,
  sameSpec,
} from '../../src/endpoint/endpoint.js';

const spec = (more: Partial<EndpointSpec> = {}): EndpointSpec => ({
  id: 'e0',
  host: 'a',
  port: 1,
  weight: 4,
  priority: 0,
  zone: 'z',
  tags: ['x', 'y'],
  meta: { k: 'v' },
  ...more,
});

describe('the spec of an endpoint', () => {
  it('is the same where it says the same', () => {
    const one = spec();
    expect([sameSpec(one, one), sameSpec(one, spec())]).toEqual([true, true]);
    expect(sameSpec(spec({ healthy: true }), spec())).toBe(true);
    expect(sameSpec(spec({ registeredWeight: 4 }), spec())).toBe(true);
  });

  it.each<Partial<EndpointSpec>>([
    { id: 'e1' },
    { host: 'b' },
    { port: 2 },
    { weight: 5, registeredWeight: 4 },
    { registeredWeight: 5 },
    { healthy: false },
    { priority: 1 },
    { zone: '' },
    { tags: ['x'] },
    { tags: ['x', 'z'] },
    { tags: ['x', 'y', 'z'] },
    { meta: {} },
    { meta: { k: 'w' } },
    { meta: { k: 'v', more: '' } },
    { meta: { other: 'v' } },
  ])('is another with %j', (more) => {
    expect([sameSpec(spec(), spec(more)), sameSpec(spec(more), spec())]).toEqual([false, false]);
  });

  it('has an address, with brackets around IPv6', () => {
    expect(addressOf(spec({ host: '::1', port: 80 }))).toBe('[::1]:80');
    expect(addressOf(spec({ host: 'a.example', port: 80 }))).toBe('a.example:80');
    expect(sameAddress(spec(), spec({ id: 'other', zone: '' }))).toBe(true);
    expect([sameAddress(spec(), spec({ port: 2 })), sameAddress(spec(), spec({ host: 'b' }))]).toEqual([false, false]);
  });

  it('has a weight from a millionth to 65,535, and the one that it is registered with', () => {
    expect([1e-6, 1, 65_535].map(isWeight)).toEqual([true, true, true]);
    expect([0, 9e-7, 65_535.1, Number.NaN, '1', undefined].map(isWeight)).toEqual(Array(6).fill(false));
    expect([registeredWeight(spec()), registeredWeight(spec({ registeredWeight: 9 }))]).toEqual([4, 9]);
  });
});
