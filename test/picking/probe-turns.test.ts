import { describe, expect, it } from 'vitest';
import type { LiveEndpoint } from '../../src/endpoint/live-endpoint.js';
import type { LiveRotation } from '../../src/endpoint/rotation/rotation.js';
import { ProbeTurns } from '../../src/picking/probe-turns.js';

interface FakeEndpoint {
  readonly id: string;
  state: 'probing' | 'ready' | 'ejected';
  probe: object | undefined;
}

const waiting = (id: string): FakeEndpoint => ({ id, state: 'probing', probe: undefined });

/** What waits for a call, in a service of two members. */
const rotation = (...probing: FakeEndpoint[]): LiveRotation =>
  ({ probing, members: [0, 1] }) as unknown as LiveRotation;

const idOf = (endpoint: LiveEndpoint | undefined): string | undefined =>
  (endpoint as unknown as FakeEndpoint | undefined)?.id;

describe('the endpoints that wait for a call which decides', () => {
  it('get one each, in turn, and are not looked at again once they have it', () => {
    const turns = new ProbeTurns();
    const [a, b] = [waiting('a'), waiting('b')];
    const both = rotation(a, b);
    expect(idOf(turns.take(undefined, both))).toBe('a');
    a.probe = {};
    expect(idOf(turns.take(undefined, both))).toBe('b');
    b.probe = {};
    expect(turns.take(undefined, both)).toBeUndefined();
    a.probe = undefined;
    expect(turns.take(undefined, both)).toBeUndefined();
  });

  it('are all looked at again in another rotation: one may be in front of those that have theirs', () => {
    const turns = new ProbeTurns();
    const old = waiting('old');
    old.probe = {};
    expect(turns.take(undefined, rotation(old))).toBeUndefined();
    turns.restart();
    expect(idOf(turns.take(undefined, rotation(waiting('new'), old)))).toBe('new');
  });

  it('are passed by where they have returned, or are out again', () => {
    const turns = new ProbeTurns();
    const [a, b, c] = [waiting('a'), waiting('b'), waiting('c')];
    a.state = 'ready';
    b.state = 'ejected';
    expect(idOf(turns.take(undefined, rotation(a, b, c)))).toBe('c');
  });

  it('are left to the next call by one that has tried them', () => {
    const turns = new ProbeTurns();
    const a = waiting('a');
    const tried = [a as unknown as LiveEndpoint];
    expect(turns.take(tried, rotation(a))).toBeUndefined();
    expect(idOf(turns.take([], rotation(a)))).toBe('a');
  });

  it('get the call that five for each member came before, and then the next such', () => {
    const turns = new ProbeTurns();
    const all = rotation(waiting('a'));
    const ask = (calls: number) => Array.from({ length: calls }, () => idOf(turns.takeForWantOfOwn(undefined, all)));
    expect(ask(9)).toEqual(Array(9).fill(undefined));
    expect(idOf(turns.copy().takeForWantOfOwn(undefined, all))).toBe('a');
    expect(ask(1)).toEqual(['a']);
    expect(ask(10)).toEqual([...Array(9).fill(undefined), 'a']);
  });
});
