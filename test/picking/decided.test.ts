import { consecutiveFailures, Outcome, type PolicyName, type Service, type ServiceOptions } from 'fairlead';
import { describe, expect, it } from 'vitest';
import { prepareMesh } from '../../src/mesh.js';
import { endpoints, testMesh } from '../support/mesh.js';

function world(more: ServiceOptions = {}, count = 3) {
  const test = testMesh({ users: endpoints(count) });
  const options = { policy: 'round_robin' as PolicyName, health: [consecutiveFailures()], panicThreshold: 0, ...more };
  return { ...test, users: test.mesh.service('users', options) };
}

/** e1 fails until it is out. */
function eject(users: Service, id = 'e1'): void {
  for (let i = 0; i < 5; i++) users.acquire({ prefer: id }).done(Outcome.Failure);
}

const stateOf = (users: Service, id: string): string => users.endpoints.find(({ spec }) => spec.id === id)!.state;

describe('an explanation', () => {
  it('says that the one which was chosen was drawn, where no policy decided', () => {
    const { users, clock } = world({ affinity: { ttlMs: 600_000 } });
    users.acquire({ key: 'a' }).done(Outcome.Success);
    const home = users.explain({ key: 'a' });
    expect(home).toMatchObject({ by: 'session', drew: [home.chosen] });
    expect(users.explain({ prefer: 'e1' })).toMatchObject({ by: 'prefer', drew: ['e1'] });
    eject(users);
    clock.advance(60_000);
    expect(users.explain()).toMatchObject({ by: 'probe', drew: ['e1'] });
  });

  it('is of no session where the call is made beside another, wherever that one went', () => {
    const { users } = world({ affinity: { ttlMs: 600_000 } });
    users.acquire({ key: 'a' }).done(Outcome.Success);
    const said = users.explain({ key: 'a', beside: true });
    expect(said).toMatchObject({ by: 'policy', session: undefined });
    expect(users.acquire({ key: 'a', beside: true }).endpoint.spec.id).toBe(said.chosen);
  });

  it('says of a call for want of another, by itself or beside one, that it decides about a return', () => {
    const { users, clock } = world({ policy: 'maglev' });
    const keys = Array.from({ length: 99 }, (_, i) => `k${i}`);
    const key = keys.find((each) => users.explain({ key: each }).chosen !== 'e1')!;
    eject(users);
    clock.advance(60_000);
    for (let i = 1; i < 5 * 3; i++) users.acquire({ key }).done(Outcome.Success);
    for (const beside of [false, true])
      expect(users.explain({ key, beside })).toMatchObject({ by: 'probe', drew: ['e1'] });
    expect(users.acquire({ key, beside: true }).endpoint.spec.id).toBe('e1');
  });

  it('names the subset where that is why there is no endpoint', () => {
    const { users } = world();
    const words = 'none of its 3 endpoints may be used by this subset';
    const { refused } = users.subset({ usable: () => false }).explain();
    expect(refused).toMatchObject({ code: 'FAIRLEAD_NO_ENDPOINT', message: expect.stringContaining(words) });
    const none = testMesh({ users: [] }).mesh.service('users').explain().refused;
    expect(none?.code).toBe('FAIRLEAD_NO_ENDPOINT');
    expect(none?.message).not.toContain('subset');
  });
});

describe('the call that decides about a return', () => {
  it('is none that began while the endpoint was well, however long it lasts', () => {
    const { users, clock } = world();
    const old = users.acquire({ prefer: 'e1' });
    eject(users);
    clock.advance(60_000);
    const probe = users.acquire();
    expect(probe.endpoint.spec.id).toBe('e1');
    old.done(Outcome.Failure);
    expect(stateOf(users, 'e1')).toBe('probing');
    probe.done(Outcome.Success);
    expect(stateOf(users, 'e1')).toBe('ready');
  });

  it('is the first, where others go there too for want of another endpoint', () => {
    const { users, clock } = world({}, 1);
    eject(users, 'e0');
    clock.advance(60_000);
    const [first, second] = [users.acquire(), users.acquire()];
    expect([stateOf(users, 'e0'), second.endpoint]).toEqual(['probing', first.endpoint]);
    second.done(Outcome.Failure);
    expect(stateOf(users, 'e0')).toBe('probing');
    first.done(Outcome.Success);
    expect(stateOf(users, 'e0')).toBe('ready');
  });
});

describe('a policy that takes the place of another', () => {
  it('decides about the next call, by the endpoints that are there', async () => {
    const { mesh, users } = world();
    const services = { users: { policy: 'maglev' as PolicyName } };
    const prepared = await prepareMesh(mesh, { services }, 5_000);
    prepared.swap();
    prepared.settle();
    expect(users.explain().policy).toBe('maglev');
    const same = testMesh({ users: endpoints(3) }).mesh.service('users', services.users);
    const keys = Array.from({ length: 12 }, (_, i) => `user:${i}`);
    const idsOf = (of: Service) => keys.map((key) => of.acquire({ key }).endpoint.spec.id);
    expect(idsOf(users)).toEqual(idsOf(same));
  });
});
