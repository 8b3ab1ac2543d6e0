import { ManualClock } from 'fairlead/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { WaitingCallers } from '../../../../adapters/mysql/connections/waiting-callers.js';

let clock: ManualClock;
interface Named {
  readonly name: string;
  readonly deadlineMs: number;
}

let expired: string[];
let callers: WaitingCallers<Named>;

const push = (name: string, deadlineMs: number = Number.POSITIVE_INFINITY): void => callers.push({ name, deadlineMs });

describe('WaitingCallers', () => {
  beforeEach(() => {
    clock = new ManualClock();
    expired = [];
    callers = new WaitingCallers(clock, ({ name }) => expired.push(name));
  });

  it('serves them in the order they came, however many there are', () => {
    for (let i = 0; i < 1_000; i++) push(`${i}`);
    for (let i = 0; i < 500; i++) expect(callers.shift()?.name).toBe(`${i}`);
    push('last');
    for (let i = 500; i < 1_000; i++) expect(callers.shift()?.name).toBe(`${i}`);
    expect([callers.shift()?.name, callers.shift(), callers.length]).toEqual(['last', undefined, 0]);
  });

  it('tells each of its own deadline, and serves the others', () => {
    push('late', 300);
    push('soon', 100);
    push('never');
    clock.advance(100);
    expect(expired).toEqual(['soon']);
    expect(callers.length).toBe(2);
    clock.advance(200);
    expect(expired).toEqual(['soon', 'late']);
    expect(callers.take().map(({ name }) => name)).toEqual(['never']);
    expect(callers.length).toBe(0);
  });

  it('tells nobody who was served', () => {
    push('a', 100);
    expect(callers.shift()?.name).toBe('a');
    clock.advance(1_000);
    expect(expired).toEqual([]);
  });

  it('keeps its timer while callers come and go, and no process alive once none has come for a while', () => {
    let armed = 0;
    const awaited = clock.awaited.bind(clock);
    let held = 0;
    clock.awaited = (delayMs, fire) => {
      armed++;
      held++;
      const timer = awaited(delayMs, fire);
      return {
        cancel: () => {
          held--;
          timer.cancel();
        },
      };
    };
    for (let i = 0; i < 100; i++) {
      push('a', clock.now() + 10_000);
      callers.shift();
      clock.advance(10);
    }
    expect([armed, held]).toEqual([1, 1]);
    clock.advance(50);
    expect([armed, held]).toEqual([1, 0]);
    push('b', clock.now() + 100);
    clock.advance(100);
    expect(expired).toEqual(['b']);
  });

  it('expires a queue longer than a call may have arguments', () => {
    for (let i = 0; i < 200_000; i++) push('a', 100);
    push('b', 200);
    clock.advance(100);
    expect(expired.length).toBe(200_000);
    expect(callers.take().map(({ name }) => name)).toEqual(['b']);
  });
});
