import { ManualClock } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { SettlingKeys } from '../../../../adapters/redis/handover/settling.js';

const over = async (settling: SettlingKeys): Promise<void> => {
  while (settling.over !== undefined) await settling.over;
};

describe('a time to settle', () => {
  it('is over after its time, and is none before it begins or where it is 0', async () => {
    const clock = new ManualClock();
    const settling = new SettlingKeys(clock);
    expect(settling.over).toBeUndefined();
    settling.begin(0);
    expect(settling.over).toBeUndefined();
    settling.begin(100);
    let isOver = false;
    const waiting = over(settling).then(() => {
      isOver = true;
    });
    await clock.advanceAsync(99);
    expect(isOver).toBe(false);
    await clock.advanceAsync(1);
    await waiting;
    expect(clock.pending).toBe(0);
  });

  it('begins anew with the next change, also for who waits since an earlier one', async () => {
    const clock = new ManualClock();
    const settling = new SettlingKeys(clock);
    settling.begin(100);
    let isOver = false;
    const waiting = over(settling).then(() => {
      isOver = true;
    });
    await clock.advanceAsync(60);
    settling.begin(100);
    await clock.advanceAsync(99);
    expect(isOver).toBe(false);
    await clock.advanceAsync(1);
    await waiting;
  });

  it('leaves nobody waiting, and no timer, when it is ended', async () => {
    const clock = new ManualClock();
    const settling = new SettlingKeys(clock);
    settling.begin(100);
    const waiting = over(settling);
    settling.end();
    await waiting;
    expect(clock.pending).toBe(0);
  });

  it('is over no sooner than it is known, and no sooner than its time', async () => {
    const clock = new ManualClock();
    const settling = new SettlingKeys(clock);
    settling.doubt();
    expect(settling.unknown).toBe(true);
    settling.begin(100);
    await clock.advanceAsync(200);
    expect(settling.over).toBeDefined();
    settling.learn();
    expect([settling.over, settling.unknown]).toEqual([undefined, false]);
    settling.doubt();
    settling.begin(100);
    settling.learn();
    await clock.advanceAsync(99);
    expect(settling.over).toBeDefined();
    await clock.advanceAsync(1);
    expect(settling.over).toBeUndefined();
    settling.doubt();
    settling.end();
    expect([settling.over, settling.unknown, clock.pending]).toEqual([undefined, false, 0]);
  });
});
