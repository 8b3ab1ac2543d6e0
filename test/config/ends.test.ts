import { createConfigStore } from 'fairlead/config';
import { routeCalls, startCanary } from 'fairlead/routing';
import { describe, expect, it } from 'vitest';
import { endpoints, testMesh } from '../support/mesh.js';

const setUp = () => {
  const made = testMesh({ users: endpoints(2) });
  return { ...made, config: createConfigStore(made.mesh, { compare: false }) };
};
const ROUTED = { routing: { users: { split: { name: 'users', arms: { v2: { share: 5, version: '2' } } } } } };

describe('a document from a program', () => {
  it('holds what JSON can hold, and is refused where it does not', async () => {
    const { config } = setUp();
    const round: Record<string, unknown> = {};
    round.services = round;
    for (const document of [{ services: { users: { policy: () => 'random' } } }, round]) {
      await expect(config.apply(document as never)).rejects.toMatchObject({
        problems: [
          {
            ...{ path: '', line: undefined, column: undefined, nearest: undefined },
            message: 'The document holds a function, or itself: only what JSON can hold may be in one.',
          },
        ],
      });
    }
    expect(config.current).toBeUndefined();
  });
});

describe('a service that the program routes by itself', () => {
  it('is routed by no document, until that routing is closed', async () => {
    const { mesh, config } = setUp();
    const routing = routeCalls(mesh.service('users'), ROUTED.routing.users);
    await expect(config.apply(ROUTED)).rejects.toThrow(
      /users.* is routed by the program: close that routing first, or leave it out of the document/,
    );
    routing.close();
    await expect(config.apply(ROUTED)).resolves.toMatchObject({ number: 1 });
  });

  it('has no canary of a document beside one of the program', async () => {
    const { mesh, config } = setUp();
    mesh.service('users');
    await config.apply(ROUTED);
    startCanary(config.routing('users')!, { arm: 'v2', steps: [{ share: 10 }] });
    const canary = { arm: 'v2', steps: [{ share: 50 }] };
    await expect(config.apply({ routing: { users: { ...ROUTED.routing.users, canary } } } as never)).rejects.toThrow(
      /has a canary that the program began: close that one first/,
    );
    await expect(config.apply(ROUTED)).resolves.toBeDefined();
  });
});

describe('a store that is closed', () => {
  it('is ready with what it had, and never where it had nothing', async () => {
    const { config } = setUp();
    await config.apply({ defaults: { waitForReadyMs: 5 } });
    await config.close();
    await config.close();
    expect((await config.ready()).number).toBe(1);
    const empty = setUp();
    await empty.config[Symbol.asyncDispose]();
    await expect(empty.config.ready()).rejects.toMatchObject({ code: 'FAIRLEAD_CLOSED' });
    await expect(empty.config.apply({})).rejects.toMatchObject({ code: 'FAIRLEAD_CLOSED' });
  });
});
