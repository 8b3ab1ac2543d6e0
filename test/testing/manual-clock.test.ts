import { ManualClock } from 'fairlead/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

describe('manual clock', () => {
  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY])('does not go on by %d ms', async (byMs) => {
    const clock = new ManualClock();
    expect(() => clock.advance(byMs)).toThrow(/ManualClock\.advance byMs is/);
    await expect(clock.advanceAsync(byMs)).rejects.toThrow(/ManualClock\.advance byMs is/);
    expect(clock.now()).toBe(0);
  });

  it('fires timers in the order of their times, those of one time in the order they were armed', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 200 }), (delays) => {
        const clock = new ManualClock();
        const fired: { delay: number; armed: number; nowMs: number }[] = [];
        delays.forEach((delay, armed) => {
          clock.after(delay, () => fired.push({ delay, armed, nowMs: clock.now() }));
        });
        clock.advance(20);
        const expected = delays
          .map((delay, armed) => ({ delay, armed, nowMs: delay }))
          .sort((a, b) => a.delay - b.delay || a.armed - b.armed);
        expect(fired).toEqual(expected);
      }),
    );
  });

  it('never fires a cancelled timer, however many are cancelled, and counts those that are left', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 50 }), fc.boolean()), { maxLength: 500 }), (timers) => {
        const clock = new ManualClock();
        const fired: number[] = [];
        const armed = timers.map(([delay], index) => clock.after(delay, () => fired.push(index)));
        timers.forEach(([, cancel], index) => {
          if (cancel) armed[index]!.cancel();
          if (cancel) armed[index]!.cancel();
        });
        const kept = timers.flatMap(([, cancel], index) => (cancel ? [] : [index]));
        expect(clock.pending).toBe(kept.length);
        clock.advance(50);
        expect(fired.sort((a, b) => a - b)).toEqual(kept);
        expect(clock.pending).toBe(0);
        for (const timer of armed) timer.cancel();
        expect(clock.pending).toBe(0);
      }),
    );
  });

  it('fires what a timer arms within the same advance, at its own time', () => {
    const clock = new ManualClock(100);
    const at: number[] = [];
    const tick = (): void => {
      at.push(clock.now());
      clock.after(10, tick);
    };
    clock.after(10, tick);
    clock.advance(35);
    expect(at).toEqual([110, 120, 130]);
    expect(clock.now()).toBe(135);
  });

  it('lets promises settle between timers when advanced asynchronously', async () => {
    const clock = new ManualClock();
    const seen: string[] = [];
    clock.after(1, () => void Promise.resolve().then(() => seen.push('after the first')));
    clock.after(2, () => seen.push('second'));
    await clock.advanceAsync(2);
    expect(seen).toEqual(['after the first', 'second']);
  });
});
