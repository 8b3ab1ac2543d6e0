import { randomUUID } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { ManualClock } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { memoryStore } from '../../src/affinity/memory-store.js';
import { compact, storeKey } from '../../src/affinity/store-key.js';

setFlagsFromString('--expose_gc');
const collectGarbage = runInNewContext('gc') as () => void;

function memoryBytes(): number {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

describe('the session table', () => {
  it('forgets a session that was not used for the TTL, and counts anew when it is', () => {
    const clock = new ManualClock();
    const store = memoryStore({ clock, ttlMs: 1_000, capacity: 10 });
    store.set('a', 'e1');
    clock.advance(900);
    expect(store.get('a')).toBe('e1');
    clock.advance(900);
    expect(store.get('a')).toBe('e1');
    clock.advance(1_001);
    expect(store.get('a')).toBeUndefined();
  });

  it('forgets one that began when the clock did, too', () => {
    const clock = new ManualClock(0);
    const store = memoryStore({ clock, ttlMs: 1_000, capacity: 10, sliding: false });
    store.set('a', 'e1');
    clock.advance(1_001);
    expect(store.get('a')).toBeUndefined();
  });

  it('lets the least recently used go when it is full', () => {
    const store = memoryStore({ clock: new ManualClock(), ttlMs: 1_000, capacity: 2 });
    store.set('a', 'e1');
    store.set('b', 'e2');
    store.get('a');
    store.set('c', 'e3');
    expect([store.get('a'), store.get('b'), store.get('c')]).toEqual(['e1', undefined, 'e3']);
    expect(store.size).toBe(2);
  });

  it('needs less than 150 bytes per session, so that a million fit in 150 MB', () => {
    const sessions = 200_000;
    const before = memoryBytes();
    const store = memoryStore({ clock: new ManualClock(), ttlMs: 1_000_000, capacity: sessions });
    for (let i = 0; i < sessions; i++) store.set(randomUUID(), i % 2 === 0 ? 'endpoint-0' : 'endpoint-1');
    const perSession = (memoryBytes() - before) / sessions;
    expect(store.size).toBe(sessions);
    expect(perSession).toBeLessThan(150);
  });
});

describe('a key in a store', () => {
  it('holds on to nothing else: not to the header that it was cut from', () => {
    const keys: string[] = [];
    const before = memoryBytes();
    for (let i = 0; i < 2_000; i++)
      keys.push(compact(`${'x'.repeat(5_000)}${i}-a-session-key-of-some-length`.slice(5_000)));
    expect(memoryBytes() - before).toBeLessThan(2_000_000);
    expect(keys[7]).toBe('7-a-session-key-of-some-length');
  });

  it.each(['', 'plain', 'zürich', '東京', '\ud800', 'a\u0000b', '__proto__'])('%j stays what it is', (key) => {
    expect(compact(key)).toBe(key);
    expect(storeKey(key)).toBe(key);
  });

  it('is a hash where it is long, another for each', () => {
    const long = 'k'.repeat(1_000_000);
    expect(storeKey(long)).toHaveLength(43);
    expect(storeKey(long)).not.toBe(storeKey(`${long}k`));
    expect(storeKey('\ud800'.repeat(200))).not.toBe(storeKey('\ud801'.repeat(200)));
  });

  it('of bytes keeps different bytes apart', () => {
    expect(storeKey(Uint8Array.of(0xc3, 0xbc))).not.toBe(storeKey(Uint8Array.of(0xfc)));
    expect(storeKey(Uint8Array.of(1, 2, 3, 4).subarray(1, 3))).toBe('\u0002\u0003');
  });
});
