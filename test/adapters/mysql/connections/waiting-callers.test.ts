import { ManualClock } from 'fairlead/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { WaitingCallers } from '../../../../adapters/mysql/connections/waiting-callers.js';

let clock: ManualClock;
let expired: [string, number][];
let callers: WaitingCallers<string>;

describe('WaitingCallers', () => {
  beforeEach(() => {
    clock = new ManualClock();
    expired = [];
    callers = new WaitingCallers(clock, (callback, timeoutMs) => expired.push([callback, timeoutMs]));
  });

  it('serves them in the order they came, however many there are', () => {
    for (let i = 0; i < 1_000; i++) callers.push(`${i}`, 0);
    for (let i = 0; i < 500; i++) expect(callers.shift()).toBe(`${i}`);
    callers.push('last', 0);
    for (let i = 500; i < 1_000; i++) expect(callers.shift()).toBe(`${i}`);
    expect([callers.shift(), callers.shift(), callers.length]).toEqual(['last', undefined, 0]);
  });

  it('tells each of its own deadline, and serves the others', () => {
    callers.push('late', 300);
    callers.push('soon', 100);
    callers.push('never', 0);
    clock.advance(100);
    expect(expired).toEqual([['soon', 100]]);
    expect(callers.length).toBe(2);
    clock.advance(200);
    expect(expired).toEqual([
      ['soon', 100],
      ['late', 300],
    ]);
    expect(callers.take()).toEqual(['never']);
    expect(callers.length).toBe(0);
  });

  it('tells nobody who was served', () => {
    callers.push('a', 100);
    expect(callers.shift()).toBe('a');
    clock.advance(1_000);
    expect(expired).toEqual([]);
  });

  it('expires a queue longer than a call may have arguments', () => {
    for (let i = 0; i < 200_000; i++) callers.push('a', 100);
    callers.push('b', 200);
    clock.advance(100);
    expect(expired.length).toBe(200_000);
    expect(callers.take()).toEqual(['b']);
  });
});
