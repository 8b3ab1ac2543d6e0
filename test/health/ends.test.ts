import { Outcome, outlierDetection } from 'fairlead';
import { describe, expect, it } from 'vitest';
import { endpoints, testMesh } from '../support/mesh.js';

describe('a lease that ends after its service was closed', () => {
  it('is judged by no signal, and arms no timer', async () => {
    const health = outlierDetection({ failurePercentage: true, latency: true });
    const { mesh, clock } = testMesh({ users: endpoints(3) }, { defaults: { health } });
    const users = mesh.service('users');
    const leases = Array.from({ length: 12 }, () => users.acquire({ prefer: 'e0' }));
    const closing = mesh.close({ deadlineMs: 0 });
    await clock.advanceAsync(0);
    await closing;
    for (const lease of leases) lease.done(Outcome.ConnectFailure);
    expect([clock.pending, leases[0]!.endpoint.inflight]).toEqual([0, 0]);
  });
});
