import { connect, createServer, type Socket } from 'node:net';
import { ManualClock } from 'fairlead/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Clock, judgeAfter, systemClock, withTimeout } from '../../src/runtime/clock.js';
import { BusyClock } from '../support/busy-clock.js';

const judged = (clock: Clock, delayMs: number): { at: number | undefined; cancel(): void } => {
  const verdict: { at: number | undefined; cancel(): void } = { at: undefined, cancel: () => timer.cancel() };
  const timer = judgeAfter(clock, delayMs, () => (verdict.at = clock.now()));
  return verdict;
};

describe('a timer that judges a peer', () => {
  it('fires on time where the process is not busy, and leaves nothing behind', () => {
    const clock = new ManualClock();
    const verdict = judged(clock, 100);
    clock.advance(99);
    expect(verdict.at).toBeUndefined();
    clock.advance(1);
    expect(verdict.at).toBe(100);
    expect(clock.pending).toBe(0);
    judged(clock, 100).cancel();
    expect(clock.pending).toBe(0);
  });

  it('waits for as long as it was late, so that what stood still can go on', () => {
    const clock = new BusyClock();
    const verdict = judged(clock, 1_000);
    clock.busy(1_700);
    clock.advance(1_000);
    expect(verdict.at).toBeUndefined();
    clock.advance(999);
    expect(verdict.at).toBeUndefined();
    clock.advance(1);
    expect(verdict.at).toBe(3_700);
  });

  it('is not put off for ever by a process that stays busy', () => {
    const clock = new BusyClock();
    const verdict = judged(clock, 1_000);
    for (let i = 0; i < 12; i++) {
      clock.busy(300);
      clock.advance(1_000);
    }
    expect(verdict.at).toBeLessThanOrEqual(4 * 1_300);
  });

  it('does not wait for a peer where none is at work', () => {
    const clock = new BusyClock();
    let at: number | undefined;
    judgeAfter(
      clock,
      1_000,
      () => (at = clock.now()),
      'awaited',
      () => false,
    );
    clock.busy(700);
    clock.advance(1_000);
    expect(at).toBe(1_700);
  });

  it('can be cancelled while it waits for another look', () => {
    const clock = new BusyClock();
    const verdict = judged(clock, 1_000);
    clock.busy(500);
    clock.advance(1_000);
    verdict.cancel();
    clock.advance(10_000);
    expect(verdict.at).toBeUndefined();
    expect(clock.pending).toBe(0);
  });

  it('does not take a server that accepted for one that hangs, however long the process did not look', async () => {
    const server = createServer((socket: Socket) => socket.on('error', () => {}));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const socket = connect((server.address() as { port: number }).port, '127.0.0.1');
    onTestFinished(() => {
      socket.destroy();
      server.close();
    });
    const connected = new Promise<string>((resolve) => socket.once('connect', () => resolve('connected')));
    const judging = withTimeout(systemClock, 40, connected, () => new Error('it hangs'));
    // Longer than the limit, and nothing is read meanwhile.
    const endMs = performance.now() + 160;
    while (performance.now() < endMs);
    await expect(judging).resolves.toBe('connected');
  });
});
