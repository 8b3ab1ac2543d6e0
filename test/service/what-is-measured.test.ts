import { Outcome, type ServiceOptions } from 'fairlead';
import { describe, expect, it } from 'vitest';
import { wantsLatency } from '../../src/service/next-parts.js';
import { sessionsOf } from '../../src/service/service-views.js';
import { endpoints, testMesh } from '../support/mesh.js';

describe('response times', () => {
  const options = (more: object) => ({ measureLatency: false, recorder: undefined, health: [], ...more }) as never;

  it.each<[object, boolean]>([
    [{}, false],
    [{ measureLatency: true }, true],
    [{ recorder: {} }, true],
    [{ health: [{ needsLatency: true }] }, true],
    [{ health: [{ needsLatency: false }, {}] }, false],
    [{ health: [{}, { needsLatency: true }] }, true],
  ])('are measured for %j: %s', (more, isWanted) => {
    expect(wantsLatency(options(more))).toBe(isWanted);
  });

  it.each([
    [Outcome.Success, true],
    [Outcome.ApplicationError, true],
    [Outcome.Failure, false],
    [Outcome.Overloaded, false],
    [Outcome.Cancelled, false],
    [Outcome.ConnectFailure, false],
  ])('are learnt from outcome %i: %s', (outcome, isLearnt) => {
    const { mesh, clock } = testMesh({ users: endpoints(1) });
    const service = mesh.service('users', { health: [], measureLatency: true } as ServiceOptions);
    const lease = service.acquire();
    clock.advance(250);
    lease.done(outcome);
    expect(service.endpoints[0]!.latencyMs === 250).toBe(isLearnt);
  });
});

describe('whose sessions calls are', () => {
  it('is the view, the part, or the part of the view', () => {
    const part = { name: 'canary' } as never;
    expect([sessionsOf('', undefined), sessionsOf('eu', undefined)]).toEqual(['', 'eu']);
    expect([sessionsOf('', part), sessionsOf('eu', part)]).toEqual(['canary', 'eu/canary']);
  });
});
