import { createMesh } from 'fairlead';
import { describe, expect, it } from 'vitest';
import { endpoints, testMesh } from '../support/mesh.js';

describe('the options of a mesh', () => {
  it.each([null, [], [{ users: {} }], 'users', 7, true])('refuse services that are none: %j', (services) => {
    const allowed = 'services is .*: allowed is an object of options by the name of the service';
    expect(() => createMesh({ services: services as never })).toThrow(
      expect.objectContaining({ code: 'FAIRLEAD_INVALID_OPTION', message: expect.stringMatching(allowed) }),
    );
  });

  it('are fine without services, and with services of which nothing is said', () => {
    for (const services of [undefined, {}, { users: {} }])
      expect(() => createMesh({ services: services as never })).not.toThrow();
  });
});

describe('a subset that is closed', () => {
  it('says whose it was, by a lease and by a call', async () => {
    const { mesh } = testMesh({ users: endpoints(2) });
    const subset = mesh.service('users').subset({ usable: () => true });
    subset.close();
    const closed = {
      ...{ code: 'FAIRLEAD_CLOSED', service: 'users' },
      message: "This subset of service 'users' is closed.",
    };
    expect(() => subset.acquire()).toThrow(expect.objectContaining(closed));
    await expect(subset.call(() => 1)).rejects.toMatchObject(closed);
  });
});
