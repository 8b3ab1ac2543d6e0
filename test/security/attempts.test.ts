import { FairleadError } from 'fairlead';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { endpoints, testMesh } from '../support/mesh.js';

/**
 * Promise 7: attempts ≤ (1 + budget) × calls, whatever servers answer. What callers' metadata says
 * is held by the test of gRPC's hedges.
 */

const RATIO = 0.2;
const MIN_PER_SECOND = 1;
const budget = { ratio: RATIO, minPerSecond: MIN_PER_SECOND, windowMs: 10_000 };

/** What a server may say of a repeat, true or not. */
const answers = fc.constantFrom<readonly [kind: string, make: () => unknown]>(
  ['ECONNREFUSED', () => Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })],
  ['come again at once', () => Object.assign(new Error('busy'), { retryAfterMs: 0, status: 503 })],
  ['retry-after: 0', () => Object.assign(new Error('busy'), { status: 503, headers: { 'retry-after': '0' } })],
  [
    'retry-after in the past',
    () => Object.assign(new Error('busy'), { headers: { 'retry-after': 'Thu, 01 Jan 1970' } }),
  ],
  ['a timeout', () => Object.assign(new Error('late'), { code: 'ETIMEDOUT' })],
  ['our own refusal', () => new FairleadError('FAIRLEAD_RATE_LIMITED', 'limited', { retryAfterMs: 0 })],
  ['nothing', () => undefined],
);

describe('however calls fail', () => {
  it('attempts are at most the calls, the budget of them, and the floor', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(answers, { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 1, max: 10 }),
        fc.boolean(),
        fc.nat(30),
        async (said, maxAttempts, hedged, tookMs) => {
          const { mesh, clock } = testMesh({ users: endpoints(5) });
          const users = mesh.service('users', {
            health: [],
            resilience: {
              idempotent: true,
              retry: { maxAttempts, budget },
              ...(hedged ? { hedge: { afterMs: 5, maxAttempts: Math.max(2, maxAttempts), budget } } : {}),
            },
          });
          const beganMs = clock.now();
          const calls = 100;
          let attempts = 0;
          for (let call = 0; call < calls; call++) {
            const ended = users
              .call(async () => {
                const [, make] = said[attempts++ % said.length]!;
                await new Promise<void>((resolve) => clock.after(tookMs, resolve));
                throw make();
              })
              .catch(() => {});
            await clock.advanceAsync(50);
            void ended;
          }
          await clock.advanceAsync(4_000);
          // All of it within one window. Retries and hedges have a budget each.
          expect(clock.now() - beganMs).toBeLessThan(budget.windowMs);
          const repeats = RATIO * calls + (MIN_PER_SECOND * budget.windowMs) / 1_000;
          expect(attempts).toBeLessThanOrEqual(calls + (hedged ? 2 : 1) * repeats);
          expect(attempts).toBeGreaterThanOrEqual(calls);
        },
      ),
      { numRuns: 60 },
    );
  });
});
