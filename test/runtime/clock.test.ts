import { systemClock } from 'fairlead';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

const DAY_MS = 86_400_000;

describe('a timer of the machine', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it.each(['after', 'awaited'] as const)(
    'set by `%s` further ahead than Node can fires when it is due, once',
    (arm) => {
      let fired = 0;
      systemClock[arm](60 * DAY_MS, () => fired++);
      vi.advanceTimersByTime(60 * DAY_MS - 1);
      expect(fired).toBe(0);
      vi.advanceTimersByTime(1);
      expect(fired).toBe(1);
      expect(vi.getTimerCount()).toBe(0);
    },
  );

  it('is cancelled also after it was armed again', () => {
    let fired = 0;
    const timer = systemClock.after(60 * DAY_MS, () => fired++);
    vi.advanceTimersByTime(30 * DAY_MS);
    timer.cancel();
    timer.cancel();
    vi.advanceTimersByTime(60 * DAY_MS);
    expect([fired, vi.getTimerCount()]).toEqual([0, 0]);
  });

  it('whose time is over fires soon, never at once', () => {
    let fired = 0;
    systemClock.after(-5, () => fired++);
    expect(fired).toBe(0);
    vi.advanceTimersByTime(1);
    expect(fired).toBe(1);
  });
});
