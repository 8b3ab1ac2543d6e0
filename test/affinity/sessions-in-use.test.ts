import { ManualClock } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { SessionsInUse } from '../../src/affinity/sessions-in-use.js';

function world() {
  const clock = new ManualClock();
  const renewed: string[] = [];
  const sessions = new SessionsInUse(clock, 8_000, (name) => renewed.push(name));
  const taken = () => renewed.splice(0);
  return { clock, sessions, taken };
}

describe('sessions with a call in progress', () => {
  it('are renewed eight times in their TTL, by one timer, until the last of their calls ends', () => {
    const { clock, sessions, taken } = world();
    const turns = ['a', 'a', 'b'].map((name) => sessions.hold(name));
    expect([turns, clock.pending]).toEqual([[0, 0, 0], 1]);
    clock.advance(999);
    expect(taken()).toEqual([]);
    clock.advance(1);
    expect(taken()).toEqual(['a', 'b']);
    sessions.release('a', 0);
    sessions.release('b', 0);
    // A call that took longer than a turn renews its session when it ends.
    expect(taken()).toEqual(['a', 'b']);
    clock.advance(1_000);
    expect(taken()).toEqual(['a']);
    sessions.release('a', 0);
    taken();
    clock.advance(1_000);
    expect([taken(), clock.pending]).toEqual([[], 0]);
  });

  it('are not renewed at the end of a call that took no time to speak of', () => {
    const { clock, sessions, taken } = world();
    sessions.release('a', sessions.hold('a'));
    expect(taken()).toEqual([]);
    clock.advance(1_000);
    expect(taken()).toEqual([]);
    const turn = sessions.hold('a');
    expect(turn).toBe(1);
    sessions.release('a', turn);
    expect(taken()).toEqual([]);
  });

  it('are not renewed by the end of a call that nobody knows', () => {
    const { sessions, taken } = world();
    sessions.release('a', 7);
    expect(taken()).toEqual([]);
    // Nor is one call less counted then.
    sessions.hold('a');
    sessions.hold('a');
    sessions.release('a', 0);
    sessions.release('a', 0);
    sessions.release('a', 7);
    expect(taken()).toEqual([]);
  });

  it('are let go, with the timer, when the service closes', () => {
    const { clock, sessions, taken } = world();
    const turn = sessions.hold('a');
    sessions.close();
    expect(clock.pending).toBe(0);
    sessions.release('a', turn + 1);
    sessions.hold('b');
    clock.advance(8_000);
    expect([taken(), clock.pending]).toEqual([[], 0]);
    const idle = world();
    idle.sessions.close();
    idle.sessions.hold('a');
    expect(idle.clock.pending).toBe(0);
  });
});
