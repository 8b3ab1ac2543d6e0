import {
  adaptiveWeight,
  connectFailures,
  consecutiveFailures,
  failurePercentage,
  type HealthSignal,
  latencyOutliers,
  Outcome,
  outlierDetection,
  successRate,
} from 'fairlead';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { endpoints, testMesh } from '../support/mesh.js';

/**
 * Promise 11: by answers alone, however they fail and however long they take, at most a tenth of
 * the endpoints can be taken out (at least one), whichever signals judge. A client that makes a
 * request that fails everywhere, or a server that turns on its peers' callers, gets no further.
 */

const forLong = { baseEjectionMs: 1_000_000, maxEjectionMs: 1_000_000 };

const SIGNALS: Readonly<Record<string, () => HealthSignal[]>> = {
  'the default': () => [consecutiveFailures()],
  'one failure': () => [consecutiveFailures({ failures: 1, ...forLong })],
  'success rate': () => [successRate({ stdevFactor: 0.1, requestVolume: 5, ...forLong })],
  'failure percentage': () => [failurePercentage({ threshold: 1, requestVolume: 5, ...forLong })],
  'latency outliers': () => [latencyOutliers({ intervals: 1, requestVolume: 5, ...forLong })],
  'outlier detection': () => [outlierDetection({ ...forLong })].flat(),
  'all of them': () => [
    consecutiveFailures(forLong),
    connectFailures(),
    successRate({ stdevFactor: 0.1, requestVolume: 5, ...forLong }),
    failurePercentage({ threshold: 1, requestVolume: 5, ...forLong }),
    latencyOutliers({ intervals: 1, requestVolume: 5, ...forLong }),
  ],
};

const ANSWERS = [Outcome.Success, Outcome.ApplicationError, Outcome.Failure, Outcome.Overloaded];

describe.each(Object.entries(SIGNALS))('answers judged by %s', (_, signals) => {
  it('take out at most a tenth of the endpoints, at least one', () => {
    const step = fc.record({
      outcome: fc.constantFrom(...ANSWERS),
      /** Calls that go so, one after another. */
      calls: fc.integer({ min: 1, max: 40 }),
      tookMs: fc.constantFrom(1, 50, 5_000),
      /** Endpoints whose numbers are divisible by this answer so, the others well. */
      every: fc.integer({ min: 1, max: 4 }),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 35 }), (steps, count) => {
        const { mesh, clock } = testMesh({ users: endpoints(count) });
        const users = mesh.service('users', { policy: 'random', health: signals(), panicThreshold: 0 });
        const allowed = Math.max(1, Math.floor(count / 10));
        for (const { outcome, calls, tookMs, every } of steps) {
          for (let call = 0; call < calls; call++) {
            const lease = users.acquire();
            const bad = Number(lease.endpoint.spec.id.slice(1)) % every === 0;
            clock.advance(bad ? tookMs : 1);
            lease.done(bad ? outcome : Outcome.Success);
          }
          clock.advance(10_000);
          const out = users.endpoints.filter(({ state }) => state === 'ejected' || state === 'probing').length;
          expect(out).toBeLessThanOrEqual(allowed);
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe('a weight that answers have made small', () => {
  it('is not zero: nothing is taken out by adaptive_weight', () => {
    const { mesh, clock } = testMesh({ users: endpoints(10) });
    const users = mesh.service('users', { policy: adaptiveWeight(), health: [] });
    const seen = new Set<string>();
    for (let i = 0; i < 20_000; i++) {
      const lease = users.acquire();
      clock.advance(1);
      seen.add(lease.endpoint.spec.id);
      lease.done(Outcome.Failure);
      if (i % 5_000 === 4_999) {
        expect(seen.size).toBe(10);
        seen.clear();
      }
    }
  });
});
