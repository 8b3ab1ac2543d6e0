import { describe, expect, it } from 'vitest';
import { readAperture, readZone } from '../../../src/endpoint/rotation/options.js';

const zone = (clients: unknown) => readZone({ local: 'a', clients }, 'zone')?.clients;
const peer = (given: unknown) => readAperture({ peer: given }, 'aperture')?.peer;

describe('how many clients run in each zone', () => {
  it('is a number from 0 for each', () => {
    expect(zone({ a: 3, b: 0, c: 0.5 })).toEqual({ a: 3, b: 0, c: 0.5 });
    expect([zone({}), zone(undefined)]).toEqual([{}, undefined]);
  });

  it.each([
    { a: -1 },
    { a: 1, b: Number.POSITIVE_INFINITY },
    { a: Number.NaN },
    { a: '3' },
    { a: 1, b: '3' },
    3,
    'a',
    [3],
  ])('is nothing else: %j', (given) => {
    const allowed = 'an object of numbers by zone, such as { "eu-1a": 3, "eu-1b": 2 }';
    expect(() => zone(given)).toThrow(
      expect.objectContaining({ code: 'FAIRLEAD_INVALID_OPTION', message: expect.stringContaining(allowed) }),
    );
  });
});

describe('which of the clients this one is', () => {
  it('is an index below their number, or a function that says it', () => {
    const last = peer({ index: 2, total: 3 });
    expect(last?.()).toEqual({ index: 2, total: 3 });
    expect(last?.()).toBe(last?.());
    expect(peer({ index: 0, total: 1 })?.()).toEqual({ index: 0, total: 1 });
    const asked = () => ({ index: 1, total: 2 });
    expect(peer(asked)).toBe(asked);
    expect(peer(undefined)).toBeUndefined();
  });

  it.each([
    { index: 3, total: 3 },
    { index: -1, total: 3 },
    { index: 0.5, total: 3 },
    { index: 0, total: 1.5 },
    { index: 0 },
    null,
    7,
  ])('is nothing else: %j', (given) => {
    const allowed = '{ index, total } with whole numbers and index from 0 to total - 1, or a function';
    expect(() => peer(given)).toThrow(
      expect.objectContaining({ code: 'FAIRLEAD_INVALID_OPTION', message: expect.stringContaining(allowed) }),
    );
  });
});
