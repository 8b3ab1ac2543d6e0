import { describe, expect, it } from 'vitest';
import { NEVER_REPEAT, parseRetryAfter, parseRetryPushback, retryAfterOf } from '../../src/resilience/retry-after.js';

const WALL_MS = Date.parse('Wed, 21 Oct 2026 07:28:00 GMT');
const of = (thrown: unknown): number | undefined => retryAfterOf(thrown, () => WALL_MS);

describe('Retry-After', () => {
  it.each<[field: string, ms: number | undefined]>([
    ['120', 120_000],
    [' 3\t', 3_000],
    ['0', 0],
    ['Wed, 21 Oct 2026 07:28:05 GMT', 5_000],
    [' Wed, 21 Oct 2026 07:28:05 GMT', 5_000],
    ['Wed, 21 Oct 2026 07:27:00 GMT', 0],
    ['-5', undefined],
    ['1.5', undefined],
    ['2026-10-21T07:28:05Z', undefined],
    ['9999999999', undefined],
    ['soon', undefined],
    ['', undefined],
  ])('%j is %j ms', (field, ms) => {
    expect(parseRetryAfter(field, WALL_MS)).toBe(ms);
  });

  it.each<[what: string, thrown: unknown, ms: number | undefined]>([
    ['our own number', { retryAfterMs: 250 }, 250],
    ['our own number, before a field', { retryAfterMs: 0, headers: { 'retry-after': '9' } }, 0],
    ['a number that is none', { retryAfterMs: -1 }, undefined],
    ['a number that is none, before a field', { retryAfterMs: -1, headers: { 'retry-after': '9' } }, 9_000],
    ['a text for the number', { retryAfterMs: '250' }, undefined],
    ['a plain object', { headers: { 'retry-after': '2' } }, 2_000],
    ['a number in it', { headers: { 'retry-after': 2 } }, 2_000],
    ['a list in it', { headers: { 'retry-after': ['2'] } }, undefined],
    ['Headers', { headers: new Headers({ 'retry-after': '2' }) }, 2_000],
    ['a map', { headers: new Map([['retry-after', '2']]) }, 2_000],
    ['Headers without it', { headers: new Headers() }, undefined],
    ['those of its response', { response: { headers: { 'retry-after': '2' } } }, 2_000],
    ['its own before those', { headers: { 'retry-after': '1' }, response: { headers: { 'retry-after': '2' } } }, 1_000],
    ['a response without', { response: {} }, undefined],
    ['headers that are none', { headers: 'retry-after: 2' }, undefined],
    ['no headers', { headers: null }, undefined],
    ['nothing', {}, undefined],
    ['null', null, undefined],
    ['undefined', undefined, undefined],
    ['a text', 'retry-after: 2', undefined],
  ])('is found in what was thrown: %s', (_what, thrown, ms) => {
    expect(of(thrown)).toBe(ms);
  });
});

describe('the pushback of gRPC', () => {
  it.each([
    ['0', 0],
    ['250', 250],
    ['-1', NEVER_REPEAT],
    ['soon', NEVER_REPEAT],
    ['1.5', NEVER_REPEAT],
    ['', NEVER_REPEAT],
    ['99999999999', NEVER_REPEAT],
  ])('%j says to repeat after %j ms', (trailer, ms) => {
    expect(parseRetryPushback(trailer)).toBe(ms);
  });
});
