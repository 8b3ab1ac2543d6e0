import { createMesh, Outcome, staticResolver } from 'fairlead';
import { expect, it } from 'vitest';

it('callers whose deadline leaves them less than a millisecond eject nobody', async () => {
  const endpoints = ['a', 'b'].map((id) => ({ id, host: '127.0.0.1', port: 1 }));
  const resolver = staticResolver({ users: endpoints });
  await using mesh = createMesh({ resolver, services: { users: { policy: 'round_robin' } } });
  const users = mesh.service('users');
  await users.ready();
  for (let i = 0; i < 40; i++) {
    const lease = users.acquire();
    if (lease.endpoint.spec.id === 'a') lease.done(Outcome.Success);
    else lease.done(Outcome.Timeout, 0.4);
  }
  expect(users.endpoints.map(({ state }) => state)).toEqual(['ready', 'ready']);
});
