import { RetryBudget } from 'fairlead/resilience';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

/** Takes repeats until there are none left; gives how many. */
function drain(budget: RetryBudget, nowMs: number): number {
  let taken = 0;
  while (budget.tryWithdraw(nowMs)) taken++;
  return taken;
}

describe('a retry budget', () => {
  // The first cases are those of tower's TpsBudget tests and Finagle's RetryBudgetTest, said anew.
  it('is empty without calls and without a floor', () => {
    expect(new RetryBudget({ windowMs: 1_000, minPerSecond: 0, ratio: 1 }).tryWithdraw(0)).toBe(false);
  });

  it('gives one repeat for each 1 / ratio calls', () => {
    const budget = new RetryBudget({ minPerSecond: 0, ratio: 0.5 });
    budget.deposit(0);
    expect(drain(budget, 0)).toBe(0);
    budget.deposit(0);
    expect(drain(budget, 0)).toBe(1);
    for (let i = 0; i < 10; i++) budget.deposit(1);
    expect(drain(budget, 1)).toBe(5);
  });

  it('lets more than one repeat per call where ratio is above 1', () => {
    const budget = new RetryBudget({ minPerSecond: 0, ratio: 2 });
    budget.deposit(0);
    expect(drain(budget, 0)).toBe(2);
  });

  it('keeps a floor of so many per second over the window, and renews it', () => {
    const budget = new RetryBudget({ windowMs: 1_000, minPerSecond: 5, ratio: 1 });
    expect(drain(budget, 0)).toBe(5);
    expect(drain(budget, 900)).toBe(0);
    expect(drain(budget, 1_100)).toBe(5);
  });

  it('forgets calls after the window', () => {
    const budget = new RetryBudget({ windowMs: 1_000, minPerSecond: 0, ratio: 1 });
    budget.deposit(0);
    expect(budget.balance(900)).toBe(1);
    expect(budget.balance(3_000)).toBe(0);
  });

  it('has by default 20 % of the calls plus 100 for the window of 10 s', () => {
    const budget = new RetryBudget();
    for (let i = 0; i < 1_000; i++) budget.deposit(i);
    expect(drain(budget, 1_000)).toBe(300);
  });

  it('is never exceeded: over no window that ends with a repeat are there more than ratio times its calls plus the floor', () => {
    const step = fc.record({
      gapMs: fc.integer({ min: 0, max: 700 }),
      calls: fc.integer({ min: 0, max: 6 }),
      greedy: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 80 }),
        fc.constantFrom(0, 0.1, 0.2, 1),
        fc.constantFrom(0, 1, 3),
        fc.constantFrom(500, 1_000, 2_500),
        (steps, ratio, minPerSecond, windowMs) => {
          const budget = new RetryBudget({ ratio, minPerSecond, windowMs });
          const calls: number[] = [];
          const repeats: number[] = [];
          let nowMs = 0;
          for (const { gapMs, calls: count, greedy } of steps) {
            nowMs += gapMs;
            for (let i = 0; i < count; i++) {
              budget.deposit(nowMs);
              calls.push(nowMs);
            }
            for (let i = greedy ? drain(budget, nowMs) : 0; i > 0; i--) repeats.push(nowMs);
            const within = (times: number[]): number => times.filter((time) => time > nowMs - windowMs).length;
            const allowed = ratio * within(calls) + (minPerSecond * windowMs) / 1_000;
            if (repeats.at(-1) === nowMs) expect(within(repeats)).toBeLessThanOrEqual(allowed + 1e-9);
          }
        },
      ),
      { numRuns: 300, seed: 42 },
    );
  });
});
