import { fakeEndpoints, seededRandom } from 'fairlead/testing';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Candidate, ProbePool } from '../../../src/balancing/prequal/probe-pool.js';
import { LiveEndpoint } from '../../../src/endpoint/live-endpoint.js';

const CAPACITY = 6;
const MAX_AGE_MS = 20;
const USES = 3;

interface Answer {
  readonly candidate: Candidate;
  inflight: number;
  readonly atMs: number;
  uses: number;
}

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ add: fc.nat(9), inflight: fc.nat(50) }) },
  { weight: 3, arbitrary: fc.constant('use' as const) },
  fc.constantFrom('dropOldest' as const, 'dropWorst' as const),
  fc.record({ pass: fc.nat(15) }),
  fc.record({ retain: fc.subarray([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], { minLength: 1 }) }),
);

it('keeps through any history what a plain list of answers in order of arrival would keep', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const all = fakeEndpoints(10).map(
        (spec, i): Candidate => ({ endpoint: new LiveEndpoint(spec, i), share: 0, place: -1 }),
      );
      // By calls in progress alone, so that which answer is the best does not depend on quantiles.
      const pool = new ProbePool(CAPACITY, 0, seededRandom(1));
      pool.retain(all, USES);
      let allowed = all;
      let model: Answer[] = [];
      const at = new Float64Array(1);
      const inflights = (): number[] => model.map(({ inflight }) => inflight);
      for (const one of steps) {
        if (one === 'use') {
          const place = pool.best(undefined);
          expect(place === -1).toBe(model.length === 0);
          if (place === -1) continue;
          const endpoint = pool.use(place);
          const used = model.find(({ candidate }) => candidate.endpoint === endpoint)!;
          expect(used.inflight).toBe(Math.min(...inflights()));
          used.inflight++;
          used.uses--;
          model = model.filter(({ uses }) => uses > 0);
        } else if (one === 'dropOldest') {
          if (model.length === 0) continue;
          pool.dropOldest();
          model.shift();
        } else if (one === 'dropWorst') {
          // Among equal ones it may be either.
          const worst = Math.max(...inflights());
          if (inflights().filter((inflight) => inflight === worst).length !== 1) continue;
          pool.dropWorst();
          model = model.filter(({ inflight }) => inflight !== worst);
        } else if ('pass' in one) {
          at[0] = at[0]! + one.pass;
          pool.refresh(at, MAX_AGE_MS);
          model = model.filter(({ atMs }) => at[0]! - atMs <= MAX_AGE_MS);
        } else if ('retain' in one) {
          allowed = one.retain.map((index) => all[index]!);
          pool.retain(allowed, USES);
          model = model.filter(({ candidate }) => allowed.includes(candidate));
        } else {
          const candidate = all[one.add]!;
          if (!allowed.includes(candidate)) continue;
          // Of two answers at one moment either may be the older.
          at[0] = at[0]! + 0.001;
          pool.add(candidate, one.inflight, 1, at);
          model = model.filter((answer) => answer.candidate !== candidate);
          if (model.length === CAPACITY) model.shift();
          model.push({ candidate, inflight: one.inflight, atMs: at[0]!, uses: USES });
        }
        expect(all.filter(({ place }) => place !== -1)).toEqual(
          all.filter((candidate) => model.some((answer) => answer.candidate === candidate)),
        );
        expect(pool.size).toBe(model.length);
      }
    }),
    { numRuns: 500 },
  );
});
