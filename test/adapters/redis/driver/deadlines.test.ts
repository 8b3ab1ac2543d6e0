import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Deadlines, type TimedCommand } from '../../../../adapters/redis/driver/deadlines.js';
import { ManualClock } from '../../../../src/testing/index.js';

/** A connection that answers in order, and the commands on it. */
class FakeConnection {
  readonly clock = new ManualClock();
  readonly queue: FakeCommand[] = [];
  readonly deadlines = new Deadlines(
    100,
    this.clock,
    () => this.queue.length,
    () => {},
  );

  send(): FakeCommand {
    const command = new FakeCommand();
    this.queue.push(command);
    this.deadlines.add(command);
    return command;
  }

  answer(count = 1): void {
    for (const command of this.queue.splice(0, count)) command.isSettled = true;
  }
}

class FakeCommand implements TimedCommand {
  isSettled = false;
  error: Error | undefined;

  reject(error: Error): void {
    this.isSettled = true;
    this.error = error;
  }
}

describe('the time limit of the commands of a connection', () => {
  it('fails each command that is not answered in time, as ioredis does', () => {
    const connection = new FakeConnection();
    const first = connection.send();
    connection.clock.advance(60);
    const second = connection.send();
    connection.clock.advance(39);
    expect(first.error).toBeUndefined();
    connection.clock.advance(1);
    expect(first.error?.message).toBe('Command timed out');
    expect(second.error).toBeUndefined();
    connection.clock.advance(60);
    expect(second.error?.message).toBe('Command timed out');
  });

  it('leaves those alone that were answered or failed otherwise', () => {
    const connection = new FakeConnection();
    const [answered, failed] = [connection.send(), connection.send()];
    connection.answer();
    const lost = new Error('lost');
    failed.reject(lost);
    connection.clock.advance(1_000);
    expect(answered.error).toBeUndefined();
    expect(failed.error).toBe(lost);
  });

  it('goes on for what is sent behind a command that timed out', () => {
    const connection = new FakeConnection();
    connection.send();
    connection.clock.advance(100);
    const behind = connection.send();
    connection.clock.advance(100);
    expect(behind.error?.message).toBe('Command timed out');
  });

  it('arms no timer while nothing is under way, and forgets all when the connection is closed', () => {
    const connection = new FakeConnection();
    connection.send();
    connection.answer();
    connection.clock.advance(100);
    expect(connection.clock.pending).toBe(0);
    const command = connection.send();
    connection.deadlines.clear();
    expect(connection.deadlines.size).toBe(0);
    expect(connection.clock.pending).toBe(0);
    connection.clock.advance(1_000);
    expect(command.error).toBeUndefined();
  });

  it('holds on to no command that was answered, but for the last ones', () => {
    const connection = new FakeConnection();
    for (let i = 0; i < 100_000; i++) {
      connection.send();
      if (connection.queue.length > 10) connection.answer();
    }
    expect(connection.deadlines.size).toBeLessThanOrEqual(11);
  });

  it('comes neither early nor late, whatever is answered when', () => {
    const step = fc.record({ waitMs: fc.nat(70), send: fc.nat(5), answer: fc.nat(5) });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const connection = new FakeConnection();
        const sent: { command: FakeCommand; atMs: number }[] = [];
        for (const { waitMs, send, answer } of steps) {
          connection.clock.advance(waitMs);
          connection.answer(answer);
          for (let i = 0; i < send; i++) sent.push({ command: connection.send(), atMs: connection.clock.now() });
          const nowMs = connection.clock.now();
          for (const { command, atMs } of sent) {
            if (connection.queue.includes(command)) expect(command.error !== undefined).toBe(nowMs - atMs >= 100);
          }
        }
      }),
    );
  });
});
