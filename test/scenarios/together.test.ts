import { type EndpointInput, Outcome, outlierDetection } from 'fairlead';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ApertureOptions } from '../../src/endpoint/rotation/aperture.js';
import type { SlowStartOptions } from '../../src/endpoint/rotation/slow-start.js';
import type { ZoneOptions } from '../../src/endpoint/rotation/zone.js';
import { testMesh } from '../support/mesh.js';

const SIZE = 3;
const MAX_ENDPOINTS = 24;

/** Endpoint i is always the same: of priority 0 or 1, in zone a, b or c. */
const list = (present: readonly boolean[]): EndpointInput[] =>
  present.flatMap((isPresent, i) =>
    isPresent
      ? [{ id: `e${i}`, host: '127.0.0.1', port: 1_000 + i, weight: 1 + (i % 3), priority: i % 2, zone: 'abc'[i % 3]! }]
      : [],
  );

const presence = fc.array(fc.boolean(), { minLength: MAX_ENDPOINTS, maxLength: MAX_ENDPOINTS });

const aperture = fc.constantFrom<ApertureOptions | undefined>(
  undefined,
  { size: SIZE, identity: 'x' },
  { size: SIZE, peer: { index: 2, total: 5 } },
);
const zone = fc.constantFrom<ZoneOptions | undefined>(undefined, { local: 'a', minEndpoints: 2 });
const slowStart = fc.constantFrom<SlowStartOptions | undefined>(undefined, { windowMs: 10_000 });
const policy = fc.constantFrom('round_robin', 'weighted_round_robin', 'least_request', 'peak_ewma', 'maglev');

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ sick: fc.array(fc.nat(MAX_ENDPOINTS - 1)), calls: fc.integer({ min: 1, max: 80 }) }),
  },
  { weight: 2, arbitrary: fc.record({ passMs: fc.constantFrom(500, 10_000, 40_000, 400_000) }) },
  { weight: 1, arbitrary: fc.record({ present: presence }) },
);

describe('aperture, health, priorities, zones and slow start together', () => {
  it('always give an endpoint that exists and is used, of a weight above 0, and let everybody return', async () => {
    const property = fc.asyncProperty(
      fc.record({ aperture, zone, slowStart, policy }),
      presence,
      fc.array(step, { maxLength: 15 }),
      fc.nat(),
      async (options, first, steps, seed) => {
        const { mesh, clock, resolver } = testMesh({ users: list(first) }, { seed });
        const health = outlierDetection({ consecutiveFailures: { failures: 2 }, failurePercentage: true });
        const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
        const service = mesh.service('users', { ...given, health });
        const call = (sick: ReadonlySet<string>, key: string): void => {
          if (service.endpoints.length === 0) return;
          const lease = service.acquire({ key });
          expect(service.usedEndpoints).toContain(lease.endpoint);
          expect(lease.endpoint.weight).toBeGreaterThan(0);
          expect(lease.endpoint.weight).toBeLessThanOrEqual(lease.endpoint.spec.weight);
          lease.done(sick.has(lease.endpoint.spec.id) ? Outcome.Failure : Outcome.Success);
        };
        for (const each of steps) {
          if ('passMs' in each) clock.advance(each.passMs);
          else if ('present' in each) resolver.update('users', list(each.present));
          else {
            const sick = new Set(each.sick.map((i) => `e${i}`));
            for (let i = 0; i < each.calls; i++) call(sick, `k${i}`);
          }
          for (const endpoint of service.rotation) expect(service.usedEndpoints).toContain(endpoint);
          for (const endpoint of service.usedEndpoints) expect(service.endpoints).toContain(endpoint);
          if (options.aperture !== undefined && options.zone === undefined) {
            for (const priority of [0, 1]) {
              const used = service.usedEndpoints.filter(({ spec }) => spec.priority === priority).length;
              // Twice its size, or a client's fifth and the parts at its ends; one more as arcs are
              // taken whole.
              expect(used).toBeLessThanOrEqual(2 * SIZE + 3);
            }
          }
        }
        for (let round = 0; round < 6; round++) {
          clock.advance(400_000);
          for (let i = 0; i < 100; i++) call(new Set(), `k${i}`);
        }
        // What gets calls is in service again; a lower priority that gets none may wait for its
        // probe.
        const highest = Math.min(...service.usedEndpoints.map(({ spec }) => spec.priority));
        for (const { state, spec } of service.usedEndpoints) if (spec.priority === highest) expect(state).toBe('ready');
        await mesh.close();
        expect(clock.pending).toBe(0);
      },
    );
    await fc.assert(property, { numRuns: 25 });
  });
});
