import { describe, expect, it } from 'vitest';
import { Semaphore } from '../../src/runtime/semaphore.js';

describe('a semaphore', () => {
  it('lets as many work at a time as it has places, the others in turn, whatever comes of them', async () => {
    const semaphore = new Semaphore(2);
    const ends: ((failed: boolean) => void)[] = [];
    const began: number[] = [];
    const runs = [0, 1, 2, 3].map((i) =>
      semaphore
        .run(() => {
          began.push(i);
          return new Promise<void>((resolve, reject) => {
            ends[i] = (failed) => (failed ? reject(new Error('no')) : resolve());
          });
        })
        .catch(() => {}),
    );
    expect(began).toEqual([0, 1]);
    ends[1]!(true);
    await runs[1];
    expect(began).toEqual([0, 1, 2]);
    ends[0]!(false);
    await runs[0];
    expect(began).toEqual([0, 1, 2, 3]);
    ends[2]!(false);
    ends[3]!(false);
    await Promise.all(runs);
  });

  it('rejects who waits when the signal aborts, and keeps no place for it', async () => {
    const semaphore = new Semaphore(1);
    await semaphore.acquire();
    const abort = new AbortController();
    const waits = semaphore.acquire(abort.signal);
    abort.abort(new Error('gone'));
    await expect(waits).rejects.toThrow('gone');
    semaphore.release();
    expect(semaphore.tryAcquire()).toBe(true);
    expect(semaphore.tryAcquire()).toBe(false);
    await expect(semaphore.acquire(AbortSignal.abort(new Error('late')))).rejects.toThrow('late');
  });
});
