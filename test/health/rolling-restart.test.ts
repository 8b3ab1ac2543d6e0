import { Outcome } from 'fairlead';
import { describe, expect, it } from 'vitest';
import { endpoints, testMesh } from '../support/mesh.js';

const refused = (): never => {
  throw Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
};

describe('a service of two servers that are restarted one after the other', () => {
  it('loses no more than a few calls: the one that is back is asked', async () => {
    const { mesh, clock } = testMesh({ users: endpoints(2) });
    const service = mesh.service('users');
    let down = 'e0';
    let failed = 0;
    const call = async (): Promise<void> => {
      let ended = false;
      const made = service
        .call((endpoint) => (endpoint.spec.id === down ? refused() : endpoint.spec.id))
        .catch(() => void failed++)
        .finally(() => {
          ended = true;
        });
      for (let i = 0; i < 1_000 && !ended; i++) await clock.advanceAsync(5);
      await made;
    };
    const forMs = async (ms: number): Promise<void> => {
      const endMs = clock.now() + ms;
      while (clock.now() < endMs) {
        await call();
        await clock.advanceAsync(20);
      }
    };
    await forMs(2_000);
    expect(failed).toBe(0);
    expect(service.endpoints.map(({ state }) => state)).toEqual(['ejected', 'ready']);
    // The first is back, the second goes.
    down = 'e1';
    await forMs(5_000);
    expect(failed).toBeLessThanOrEqual(3);
    expect(service.endpoints.map(({ state }) => state)).toEqual(['ready', 'ejected']);
  });

  it('asks one that stays away no more than once a second', () => {
    const { mesh, clock } = testMesh({ users: endpoints(2) });
    const service = mesh.service('users');
    let asked = 0;
    for (let i = 0; i < 420; i++) {
      const lease = service.acquire();
      if (lease.endpoint.spec.id === 'e0' && i >= 20) asked++;
      lease.done(Outcome.ConnectFailure);
      clock.advance(25);
    }
    expect(asked).toBeGreaterThan(2);
    expect(asked).toBeLessThanOrEqual(11);
  });
});
