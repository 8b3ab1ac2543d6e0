import { randomUUID } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { ManualClock } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { SessionTable, type Standing } from '../../src/affinity/session-table.js';

setFlagsFromString('--expose_gc');
const collectGarbage = runInNewContext('gc') as () => void;

function memoryBytes(): number {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

describe('the table of sessions', () => {
  it('forgets a session that was not used for the TTL, and counts anew when it is', () => {
    const clock = new ManualClock();
    const table = new SessionTable<string>({ clock, ttlMs: 1_000, capacity: 10 });
    table.set('a', 'e1');
    table.set('b', 'e1');
    clock.advance(1_000);
    expect(table.get('a')).toBe('e1');
    clock.advance(1);
    expect(table.get('b')).toBeUndefined();
    clock.advance(999);
    expect(table.peek('a')).toBe('e1');
    clock.advance(1);
    expect(table.get('a')).toBeUndefined();
  });

  it('has room for no new session while it is full of those in use, and for one as soon as one has ended', () => {
    const clock = new ManualClock();
    const table = new SessionTable<string>({ clock, ttlMs: 1_000, capacity: 3 });
    for (const key of ['a', 'b', 'c']) table.set(key, 'e1');
    for (let i = 0; i < 100; i++) expect(table.set(`made up ${i}`, 'e2')).toBe(false);
    expect(table.set('b', 'e2')).toBe(true);
    clock.advance(500);
    for (const key of ['a', 'c']) table.get(key);
    clock.advance(501);
    expect(table.full).toBe(false);
    expect([table.set('d', 'e3'), table.set('e', 'e3')]).toEqual([true, false]);
    expect(['a', 'b', 'c', 'd', 'e'].map((key) => table.get(key))).toEqual(['e1', undefined, 'e1', 'e3', undefined]);
    expect(table.size).toBe(3);
  });

  it('asks whether a session that is in the way must stay, and looks at few for a new one', () => {
    const clock = new ManualClock();
    const asked: string[] = [];
    const standings: Record<string, Standing> = {};
    const table = new SessionTable<string>({
      clock,
      ttlMs: 1_000,
      capacity: 50,
      standing: (key) => {
        asked.push(key);
        return standings[key] ?? 'renewed';
      },
    });
    for (let i = 0; i < 50; i++) table.set(`k${i}`, 'e1');
    expect(table.set('new', 'e1')).toBe(false);
    expect(asked).toEqual(['k0', 'k1', 'k2', 'k3', 'k4', 'k5', 'k6', 'k7']);
    standings.k9 = 'goes';
    expect(table.set('new', 'e1')).toBe(true);
    expect(table.peek('k9')).toBeUndefined();
    expect(table.peek('k8')).toBe('e1');
  });

  it('needs less than 150 bytes per session, so that a million fit in 150 MB', () => {
    const sessions = 200_000;
    const before = memoryBytes();
    const table = new SessionTable<string>({ clock: new ManualClock(), ttlMs: 1_000_000, capacity: sessions });
    for (let i = 0; i < sessions; i++) table.set(randomUUID(), i % 2 === 0 ? 'endpoint-0' : 'endpoint-1');
    const perSession = (memoryBytes() - before) / sessions;
    expect(table.size).toBe(sessions);
    expect(perSession).toBeLessThan(150);
  });
});
