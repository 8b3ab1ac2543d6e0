import { monitorMesh } from 'fairlead/monitor';
import { routeCalls } from 'fairlead/routing';
import { expect, it } from 'vitest';
import { endpoints, testMesh } from '../support/mesh.js';

it('a service each of whose endpoints is in a lane is down for all other calls', async () => {
  const { mesh, resolver } = testMesh({ users: endpoints(2, { meta: { lane: 'feature-x' } }) });
  const monitor = monitorMesh(mesh);
  const users = mesh.service('users');
  expect(monitor.health().status).toBe('ready');
  routeCalls(users, { lanes: true });
  expect(monitor.health()).toMatchObject({
    status: 'down',
    subjects: [{ name: 'users', reason: 'each of 2 endpoints is in a lane' }],
  });
  await expect(users.call(() => 1)).rejects.toMatchObject({ code: 'FAIRLEAD_NO_ENDPOINT' });
  resolver.update('users', endpoints(2));
  expect(monitor.health().status).toBe('ready');
  await mesh.close();
});
