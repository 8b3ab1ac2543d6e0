import { createConfigStore } from 'fairlead/config';
import { describe, expect, it } from 'vitest';
import { saysWho } from '../http/support.js';
import { gatewayOver } from './support.js';

describe('a gateway that follows a configuration', () => {
  it('has the routes of each version, the program’s where it says none, and refuses what it cannot serve', async () => {
    await using backend = await saysWho('a');
    await using running = await gatewayOver([backend.port]);
    const { gateway, mesh, url } = running;
    await using config = createConfigStore(mesh, { compare: false });
    const statusOf = async (path: string): Promise<number> => (await fetch(`${url}${path}`)).status;
    const own = (path: string) => ({ match: { path }, response: { status: 204 } });
    const stop = gateway.follow(config);
    expect(await statusOf('/')).toBe(200);
    await config.apply({ gateway: { routes: [own('/x')] } });
    expect(await Promise.all([statusOf('/x'), statusOf('/y')])).toEqual([204, 404]);
    const limited = { ...own('/x'), rateLimit: { requests: 1, store: 'redis' } };
    await expect(config.apply({ gateway: { routes: [limited] } })).rejects.toThrow(
      /none of the gateway's rateLimiters/,
    );
    expect(config.current?.number).toBe(1);
    // The program's own wait for their turn.
    gateway.setRoutes([own('/z')]);
    expect(await Promise.all([statusOf('/x'), statusOf('/z')])).toEqual([204, 404]);
    await config.rollback(1);
    await config.apply({});
    expect(await Promise.all([statusOf('/x'), statusOf('/z')])).toEqual([404, 204]);
    stop();
    await config.apply({ gateway: { routes: [own('/x')] } });
    expect(await statusOf('/z')).toBe(204);
    // What is in force is followed at once.
    gateway.follow(config);
    expect(await statusOf('/x')).toBe(204);
  });

  it('keeps counts and limits of routes that a version says again', async () => {
    await using backend = await saysWho('a');
    await using running = await gatewayOver([backend.port]);
    const { gateway, mesh, url } = running;
    await using config = createConfigStore(mesh, { compare: false });
    gateway.follow(config);
    const users = { name: 'users', match: { path: '/users/*' }, service: 'users', rateLimit: { requests: 2 } };
    await config.apply({ gateway: { routes: [users] } });
    expect((await fetch(`${url}/users/1`)).status).toBe(200);
    const more = { name: 'more', match: { path: '/more' }, response: { status: 204 } };
    await config.apply({ gateway: { routes: [more, users] }, routing: { users: { lanes: true } } });
    expect((await fetch(`${url}/users/1`)).status).toBe(200);
    expect((await fetch(`${url}/users/1`)).status).toBe(429);
    const figures = [...mesh.parts].find(({ kind }) => kind === 'gateway')!.figures!();
    expect(Object.entries(figures).find(([name]) => name.includes('users') && name.includes('requests'))?.[1]).toBe(3);
  });
});
