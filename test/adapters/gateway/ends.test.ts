import { createConfigStore } from 'fairlead/config';
import { createGateway } from 'fairlead/gateway';
import { describe, expect, it } from 'vitest';
import type { LiveService } from '../../../src/service/service.js';
import { endpoints, testMesh } from '../../support/mesh.js';

const route = (name: string) => ({ name, match: { path: `/${name}/*` }, service: 'users', policy: 'random' as const });

function setUp() {
  const { mesh } = testMesh({ users: endpoints(2) });
  const users = mesh.service('users') as LiveService;
  return { mesh, users, gateway: createGateway(mesh, { routes: [route('a')] }) };
}

describe('a gateway that is closed', () => {
  it('gives back what its routes had of their services, once', async () => {
    const { mesh, users, gateway } = setUp();
    const other = createGateway(mesh, { routes: [route('a'), { ...route('b'), policy: 'maglev' as const }] });
    expect(users.views.size).toBe(4);
    await gateway.close();
    gateway.setRoutes([route('c')]);
    expect(users.views.size).toBe(3);
    await other.close();
    expect(users.views.size).toBe(1);
    await mesh.close();
  });

  it('follows no document, and refuses none', async () => {
    const { mesh, users, gateway } = setUp();
    const config = createConfigStore(mesh, { compare: false });
    gateway.follow(config);
    await config.apply({ gateway: { routes: [route('a')] } });
    await gateway.close();
    // This one has no affinityKeys: it would refuse that.
    const document = { gateway: { routes: [{ ...route('b'), affinity: {} }] } };
    await expect(config.apply(document)).resolves.toMatchObject({ number: 2 });
    expect(users.views.size).toBe(1);
    await mesh.close();
  });
});
