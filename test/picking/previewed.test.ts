import { consecutiveFailures, Outcome, type PolicyName, type ServiceOptions } from 'fairlead';
import { describe, expect, it } from 'vitest';
import { endpoints, testMesh } from '../support/mesh.js';

function service(more: ServiceOptions = {}, count = 3) {
  const test = testMesh({ users: endpoints(count) });
  const options = { policy: 'round_robin' as PolicyName, health: [consecutiveFailures()], panicThreshold: 0, ...more };
  return { ...test, users: test.mesh.service('users', options) };
}

const refusal = (run: () => unknown): string | undefined => {
  try {
    run();
    return undefined;
  } catch (thrown) {
    return (thrown as { code: string }).code;
  }
};

describe('what is said of a call that is not made', () => {
  it('is the endpoint that it asks for, where that may be had', () => {
    const { users } = service();
    const [, e1] = users.endpoints;
    expect(users.explain({ prefer: 'e1' })).toMatchObject({ by: 'prefer', chosen: 'e1' });
    expect(users.acquire({ prefer: 'e1' }).endpoint).toBe(e1);
    expect(users.explain({ prefer: 'e9' }).by).toBe('policy');
    expect(users.explain({ prefer: 'e1', tried: [e1!] })).toMatchObject({ by: 'policy' });
    expect(users.explain({}).by).toBe('policy');
  });

  it('is the endpoint that a sticky service gives to who asks for it, whatever the key', () => {
    const { users } = service({ affinity: { ttlMs: 1_000 } });
    expect(users.explain({ prefer: 'e1', key: 'a' })).toMatchObject({ by: 'prefer', chosen: 'e1' });
    expect(users.acquire({ prefer: 'e1', key: 'a' }).endpoint.spec.id).toBe('e1');
  });

  it('goes past the session of a key where the call is made beside another', () => {
    const { users } = service({ affinity: { ttlMs: 1_000 } });
    const home = users.acquire({ key: 'a' });
    home.done(Outcome.Success);
    const request = { key: 'a', beside: true, tried: [home.endpoint] } as const;
    expect(users.explain({ key: 'a' })).toMatchObject({ by: 'session', chosen: home.endpoint.spec.id });
    const said = users.explain(request);
    expect(said.by).toBe('policy');
    expect(said.chosen).toBe(users.acquire(request).endpoint.spec.id);
    // The session stays where it was.
    expect(users.acquire({ key: 'a' }).endpoint).toBe(home.endpoint);
  });

  it.each([
    ['a key', { key: 'a', beside: true }, 'FAIRLEAD_AFFINITY_LOST'],
    ['an endpoint that it asks for', { prefer: 'e1', beside: true }, 'FAIRLEAD_AFFINITY_LOST'],
    ['neither', { beside: true }, undefined],
    ['a key, but by itself', { key: 'a' }, undefined],
  ])('is the refusal of a second call beside one with %s, where sessions must not move', (_, request, code) => {
    const { users } = service({ affinity: { ttlMs: 1_000, onUnavailable: 'fail' } });
    expect(users.explain(request).refused?.code).toBe(code);
    expect(refusal(() => users.acquire(request))).toBe(code);
  });

  it.each(['maglev', 'consistent_hash'] as const)(
    'is the call that decides about a return which no key leads to, after five per member, by %s',
    (policy) => {
      const { users, clock } = service({ policy });
      const key = Array.from({ length: 99 }, (_, i) => `k${i}`).find(
        (each) => users.explain({ key: each }).chosen !== 'e1',
      )!;
      for (let i = 0; i < 5; i++) users.acquire({ prefer: 'e1' }).done(Outcome.Failure);
      clock.advance(60_000);
      const own = users.explain({ key }).chosen;
      for (let i = 1; i < 5 * 3; i++) {
        expect(users.explain({ key })).toMatchObject({ by: 'policy', chosen: own });
        users.acquire({ key }).done(Outcome.Success);
      }
      expect(users.explain({ key })).toMatchObject({ by: 'probe', chosen: 'e1' });
      // A call without a key, and one beside another, would not wait so long.
      expect(users.explain()).toMatchObject({ by: 'probe', chosen: 'e1' });
      const probe = users.acquire({ key });
      expect(probe.endpoint.spec.id).toBe('e1');
      expect(users.explain({ key })).toMatchObject({ by: 'policy', chosen: own });
      probe.done(Outcome.Success);
    },
  );

  it('takes text and bytes for a key, and nothing else', () => {
    const { users } = service({ policy: 'maglev' });
    const bytes = new TextEncoder().encode('user:1');
    const { chosen } = users.explain({ key: 'user:1' });
    expect(users.explain({ key: bytes }).chosen).toBe(chosen);
    expect(users.acquire({ key: bytes }).endpoint.spec.id).toBe(chosen);
    const wrong = expect.objectContaining({
      code: 'FAIRLEAD_INVALID_OPTION',
      message: expect.stringMatching(/key.*a string, a Uint8Array or undefined/),
    });
    for (const key of [1, null, ['a']]) expect(() => users.acquire({ key: key as never })).toThrow(wrong);
  });
});
