import { ManualClock } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { SessionTable, type SessionTableOptions } from '../../src/affinity/session-table.js';
import { TableBook } from '../../src/affinity/table-book.js';
import type { LiveEndpoint } from '../../src/endpoint/live-endpoint.js';

const endpoint = (id: string): LiveEndpoint => ({ spec: { id, host: 'a', port: 1 } }) as LiveEndpoint;

function book(capacity = 3) {
  const clock = new ManualClock();
  return { clock, book: new TableBook(clock, { ttlMs: 1_000, capacity }) };
}

describe('the book of sessions in this process', () => {
  it('has the home of each, renewed by use and not by a look', () => {
    const { clock, book: sessions } = book();
    sessions.set('a', endpoint('e1'));
    expect([sessions.size, sessions.get('a')]).toEqual([1, { id: 'e1', host: 'a', port: 1 }]);
    clock.advance(900);
    sessions.peek('a');
    clock.advance(200);
    expect(sessions.peek('a')).toBeUndefined();
    sessions.set('a', endpoint('e1'));
    clock.advance(900);
    sessions.get('a');
    clock.advance(900);
    expect(sessions.peek('a')?.id).toBe('e1');
  });

  it('has one home for all sessions of an endpoint', () => {
    const { book: sessions } = book();
    const e1 = endpoint('e1');
    for (const name of ['a', 'b']) sessions.set(name, e1);
    expect(sessions.get('a')).toBe(sessions.get('b'));
  });

  it('names the sessions of the service by their keys, and those of a subset by no key', () => {
    const { book: sessions } = book();
    expect(sessions.name('', 'ada')).toBe('ada');
    const scoped = [sessions.name('blue', 'ada'), sessions.name('green', 'ada'), sessions.name('blue', 'bob')];
    expect(new Set([...scoped, 'ada', 'bob']).size).toBe(5);
    expect(scoped.join()).not.toContain('ada');
  });

  it('takes over the latest sessions of another, as many as fit, and in their order', async () => {
    const { book: before } = book(4);
    for (const name of ['a', 'b', 'c', 'd']) before.set(name, endpoint(name));
    before.get('a');
    const { clock, book: after } = book(2);
    after.inherit(before);
    expect(['a', 'b', 'c', 'd'].filter((name) => after.peek(name) !== undefined)).toEqual(['a', 'd']);
    // The one that was used last is the last to go.
    clock.advance(1_001);
    expect([after.full, after.size]).toEqual([false, 1]);
    expect([...'ad'].map((name) => after.set(name, endpoint(name)))).toEqual([true, true]);
    await after.unbind('a');
    expect([after.peek('a'), after.size, after.prepare(), after.unwritten]).toEqual([undefined, 1, undefined, 0]);
    await after.flush();
    after.clear();
    expect(after.size).toBe(0);
  });

  it('takes over none whose time is over, whatever room there is', () => {
    const { clock, book: before } = book(4);
    for (const name of ['a', 'b']) before.set(name, endpoint(name));
    clock.advance(600);
    before.get('b');
    clock.advance(600);
    const { book: after } = book(4);
    after.inherit(before);
    expect([after.size, after.peek('a'), after.peek('b')?.id]).toEqual([1, undefined, 'b']);
  });
});

describe('a table of sessions', () => {
  function table(more: Partial<SessionTableOptions<string>> = {}) {
    const clock = new ManualClock();
    return { clock, sessions: new SessionTable<string>({ clock, ttlMs: 1_000, capacity: 2, ...more }) };
  }

  it('is crowded while it is full of sessions in use, and nothing goes by asking', () => {
    const { clock, sessions } = table();
    sessions.set('a', '1');
    expect(sessions.crowded).toBe(false);
    sessions.set('b', '2');
    expect(sessions.crowded).toBe(true);
    clock.advance(1_000);
    // Its time is over after it, not at its end.
    expect([sessions.crowded, sessions.full, sessions.peek('a')]).toEqual([true, true, '1']);
    clock.advance(1);
    expect([sessions.crowded, sessions.size, sessions.peek('a')]).toEqual([false, 2, undefined]);
    expect([sessions.full, sessions.size]).toEqual([false, 1]);
    expect(sessions.crowded).toBe(false);
  });

  it('is not crowded where the one in the way goes, or begins a new TTL', () => {
    for (const [standing, crowded] of [
      ['goes', false],
      ['renewed', false],
      ['stays', true],
    ] as const) {
      const { sessions } = table({ standing: () => standing });
      for (const key of ['a', 'b']) sessions.set(key, '1');
      expect(sessions.crowded).toBe(crowded);
    }
  });

  it('keeps a session that began when time did, and what ended until it is in the way', () => {
    const { clock, sessions } = table();
    sessions.set('a', '1');
    clock.advance(1_001);
    expect([sessions.get('a'), sessions.peek('a'), sessions.size]).toEqual([undefined, undefined, 1]);
    expect([...sessions.entries()]).toEqual([['a', '1']]);
    sessions.set('a', '2');
    expect(sessions.get('a')).toBe('2');
    expect([sessions.delete('a'), sessions.delete('a'), sessions.size]).toEqual([true, false, 0]);
    sessions.set('b', '1');
    sessions.clear();
    expect([sessions.size, sessions.peek('b')]).toEqual([0, undefined]);
  });
});
