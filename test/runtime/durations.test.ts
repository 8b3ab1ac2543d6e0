import { ManualClock } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { Durations } from '../../src/runtime/durations.js';
import { hash32, hashBytes32, mix32 } from '../../src/runtime/hash.js';
import { IdleWait } from '../../src/runtime/idle-wait.js';
import { ticksToMs, toTick, UNTIMED } from '../../src/runtime/ticks.js';

describe('durations', () => {
  it('are counted and summed, each as whole microseconds', () => {
    const durations = new Durations();
    for (const micros of [0, 1.9, 250, 1_000_000]) durations.add(micros);
    expect(durations.count).toBe(4);
    expect(durations.sumMs).toBe(1_000.251);
    expect(durations.upTo([0.5, 500, 5_000])).toEqual([3, 3, 4, 4]);
  });

  it('that are longer than half an hour count as that', () => {
    const durations = new Durations();
    durations.add(2 ** 40);
    durations.add(2 ** 31);
    durations.add(2 ** 31 - 2);
    expect(durations.sumMs).toBe((3 * (2 ** 31 - 1) - 1) / 1_000);
    expect(durations.count).toBe(3);
  });

  it('are added up, and leave those that they came from', () => {
    const [a, b] = [new Durations(), new Durations()];
    a.add(1_000);
    b.add(2_000);
    b.add(3_000);
    a.addAll(b);
    expect([a.count, a.sumMs, b.count, b.sumMs]).toEqual([3, 6, 2, 5]);
  });
});

describe('ticks', () => {
  it('are microseconds that wrap, and whose distance does not', () => {
    expect(toTick(1.5)).toBe(1_500);
    const hourMs = 3_600_000;
    for (const fromMs of [0, 2_147_000, 71 * 60_000, 10 * hourMs]) {
      expect(ticksToMs(toTick(fromMs), toTick(fromMs + 12.5))).toBe(12.5);
      expect(ticksToMs(toTick(fromMs), toTick(fromMs + 30 * 60_000))).toBe(30 * 60_000);
    }
  });

  it('are never that of a call which is not timed', () => {
    expect(toTick(-(2 ** 31) / 1_000)).toBe(UNTIMED + 1);
    expect(toTick(2 ** 31 / 1_000)).toBe(UNTIMED + 1);
  });
});

describe('a hash', () => {
  it('is FNV-1a with the finaliser of Murmur3, of texts and of their bytes alike', () => {
    // 0xe40c292c is FNV-1a of 'a' (RFC 9923), and 0x811c9dc5 that of nothing.
    expect(hash32('a')).toBe(mix32(0xe40c292c) >>> 0);
    expect(hash32('')).toBe(mix32(0x811c9dc5) >>> 0);
    expect(hash32('foobar')).toBe(mix32(0xbf9cf968) >>> 0);
    expect(hashBytes32(Buffer.from('foobar'))).toBe(hash32('foobar'));
    expect(hashBytes32(Buffer.from('foobar'), 9)).toBe(hash32('foobar', 9));
    expect(hash32('foobar', 9)).not.toBe(hash32('foobar'));
  });

  it('is finished as Murmur3 does', () => {
    expect([0, 1, 2, 0xffffffff].map((hash) => mix32(hash) >>> 0)).toEqual([0, 0x514e28b7, 0x30f4c306, 0x81f16f39]);
  });
});

describe('a wait for rest', () => {
  it('is over at rest, and its timer with it', async () => {
    const clock = new ManualClock();
    const idle = new IdleWait();
    idle.rested();
    let over = 0;
    const wait = idle.wait(clock, 1_000).then(() => over++);
    await clock.advanceAsync(999);
    expect(over).toBe(0);
    idle.rested();
    await wait;
    expect([over, clock.pending]).toEqual([1, 0]);
    idle.rested();
  });

  it('is over after its limit', async () => {
    const clock = new ManualClock();
    const wait = new IdleWait().wait(clock, 1_000);
    await clock.advanceAsync(1_000);
    await wait;
    expect(clock.pending).toBe(0);
  });
});
