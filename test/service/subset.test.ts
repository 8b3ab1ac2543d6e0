import { createMesh, staticResolver } from 'fairlead';
import { describe, expect, it } from 'vitest';
import { endpoints, testMesh } from '../support/mesh.js';

const odd = { usable: ({ spec }: { readonly spec: { readonly id: string } }): boolean => Number(spec.id[1]) % 2 === 1 };

describe('the calls of a subset', () => {
  it('go to its own endpoints, and are made again on another of them where they fail', async () => {
    const { mesh } = testMesh({ users: endpoints(6) });
    const service = mesh.service('users', {
      resilience: { retry: { baseDelayMs: 0 }, idempotent: true, hedge: false },
    });
    const tried: string[] = [];
    const subset = service.subset(odd);
    const call = subset.call(({ spec }) => {
      tried.push(spec.id);
      throw Object.assign(new Error('reset'), { code: 'ECONNRESET' });
    });
    await expect(call).rejects.toThrow('reset');
    expect(tried.sort()).toEqual(['e1', 'e3', 'e5']);
    expect(service.callStats.retries).toBe(2);
    expect(service.endpoints.map(({ inflight }) => inflight)).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it('end at the deadline of the service, and are hedged as it says, on another of them', async () => {
    const { mesh, clock } = testMesh({ users: endpoints(4) });
    const service = mesh.service('users', { resilience: { deadlineMs: 1_000, hedge: { afterMs: 100 } } });
    const subset = service.subset(odd);
    const asked: string[] = [];
    const call = subset.call(
      ({ spec }) => {
        asked.push(spec.id);
        return new Promise<never>(() => {});
      },
      { idempotent: true },
    );
    clock.advance(100);
    expect(asked.sort()).toEqual(['e1', 'e3']);
    clock.advance(900);
    await expect(call).rejects.toMatchObject({ code: 'FAIRLEAD_DEADLINE_EXCEEDED' });
  });

  it('are refused at once where the service has endpoints and none is usable, and where it is closed', async () => {
    const { mesh } = testMesh({ users: endpoints(2) });
    const none = mesh.service('users').subset({ usable: () => false });
    await expect(none.call(() => 1)).rejects.toMatchObject({
      code: 'FAIRLEAD_NO_ENDPOINT',
      message: expect.stringMatching(/none of its 2 endpoints may be used by this subset/),
    });
    none.close();
    await expect(none.call(() => 1)).rejects.toMatchObject({ code: 'FAIRLEAD_CLOSED' });
  });

  it('wait for the first endpoints of the service', async () => {
    const mesh = createMesh({ resolver: staticResolver({ users: endpoints(2) }) });
    const subset = mesh.service('users').subset(odd);
    expect(await subset.call(({ spec }) => spec.id)).toBe('e1');
    await mesh.close();
  });

  it('keep their sessions apart from those of the service', async () => {
    const { mesh } = testMesh({ users: endpoints(4) });
    const service = mesh.service('users', { affinity: true });
    const subset = service.subset(odd);
    const first = await subset.call(({ spec }) => spec.id, { key: 'ann' });
    for (let i = 0; i < 5; i++) expect(await subset.call(({ spec }) => spec.id, { key: 'ann' })).toBe(first);
    expect(['e1', 'e3']).toContain(first);
  });
});
