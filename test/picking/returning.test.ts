import { consecutiveFailures, Outcome, type PolicyName, type Service } from 'fairlead';
import { describe, expect, it } from 'vitest';
import { endpoints, testMesh } from '../support/mesh.js';

/** What a call would get, by `explain`, and what it gets. */
function askAndCall(service: Service, request: Parameters<Service['acquire']>[0] = {}) {
  const { by, chosen } = service.explain(request);
  const lease = service.acquire(request);
  return { by, chosen, id: lease.endpoint.spec.id, lease };
}

const KEYS = Array.from({ length: 40 }, (_, i) => `user:${i}`);

/** A service of which e1 is out and may be asked again, and the keys that e1 and others have. */
function returning(policy: PolicyName, count = 3) {
  const test = testMesh({ users: endpoints(count) });
  const service = test.mesh.service('users', { policy, health: [consecutiveFailures()], panicThreshold: 0 });
  const owners = new Map(
    KEYS.map((key) => {
      const lease = service.acquire({ key });
      lease.done(Outcome.Success);
      return [key, lease.endpoint.spec.id];
    }),
  );
  const keysOf = (isOwn: boolean) => KEYS.filter((key) => (owners.get(key) === 'e1') === isOwn);
  for (let i = 0; i < 5; i++) service.acquire({ prefer: 'e1' }).done(Outcome.Failure);
  test.clock.advance(60_000);
  const e1 = service.endpoints[1]!;
  expect(e1.state).toBe('probing');
  return { ...test, service, owners, e1, own: keysOf(true), others: keysOf(false) };
}

describe.each(['consistent_hash', 'maglev', 'rendezvous'] as const)('an endpoint that returns, by %s', (policy) => {
  it('is asked by the first call whose key is its own, and by no other while that lasts', () => {
    const { service, own, others, owners, e1 } = returning(policy);
    for (const key of others.slice(0, 5)) {
      const { chosen, id, lease } = askAndCall(service, { key });
      expect([chosen, id]).toEqual([owners.get(key), owners.get(key)]);
      lease.done(Outcome.Success);
    }
    const probe = askAndCall(service, { key: own[0]! });
    expect([probe.chosen, probe.id]).toEqual(['e1', 'e1']);
    for (const key of own) {
      const { chosen, id, lease } = askAndCall(service, { key });
      expect(id).not.toBe('e1');
      expect(chosen).toBe(id);
      lease.done(Outcome.Success);
    }
    probe.lease.done(Outcome.Success);
    expect(e1.state).toBe('ready');
    expect(askAndCall(service, { key: own[0]! }).id).toBe('e1');
  });

  it('gives the keys that are its own, while it is asked, to others that a call has not tried', () => {
    const { service, own } = returning(policy);
    const probe = service.acquire({ key: own[0]! });
    const [e0, , e2] = service.endpoints;
    for (const key of own) {
      expect(askAndCall(service, { key, tried: [e0!] })).toMatchObject({ id: 'e2', chosen: 'e2' });
      expect(askAndCall(service, { key, tried: [e2!] })).toMatchObject({ id: 'e0', chosen: 'e0' });
    }
    probe.done(Outcome.Success);
  });

  it('is asked by a call without a key at once', () => {
    const { service, e1 } = returning(policy);
    const probe = askAndCall(service);
    expect(probe).toMatchObject({ by: 'probe', chosen: 'e1', id: 'e1' });
    expect(askAndCall(service).id).not.toBe('e1');
    probe.lease.done(Outcome.Failure);
    expect(e1.state).toBe('ejected');
  });

  it('stays with all who go to it where there is no other', () => {
    const { service, own } = returning(policy);
    const [e0, e1, e2] = service.endpoints;
    const probe = service.acquire({ key: own[0]! });
    expect(['e0', 'e1', 'e2']).toContain(askAndCall(service, { key: own[0]!, tried: [e0!, e1!, e2!] }).id);
    probe.done(Outcome.Success);
  });
});

describe('an endpoint that returns, by a policy without keys', () => {
  it('is asked by the first call, key or none, which others pass by', () => {
    const { service } = returning('round_robin');
    const probe = askAndCall(service, { key: 'a' });
    expect(probe).toMatchObject({ by: 'probe', chosen: 'e1', id: 'e1' });
    for (let i = 0; i < 6; i++) expect(askAndCall(service, { key: 'a' }).id).not.toBe('e1');
    probe.lease.done(Outcome.Success);
  });

  it('is left to another call by one that has tried it', () => {
    const { service, e1 } = returning('round_robin');
    expect(askAndCall(service, { tried: [e1] }).id).not.toBe('e1');
    expect(askAndCall(service).id).toBe('e1');
  });

  it('is not given to those who ask for it by its id while it is asked', () => {
    const { service } = returning('round_robin');
    const first = service.acquire({ prefer: 'e1' });
    expect(first.endpoint.spec.id).toBe('e1');
    expect(service.acquire({ prefer: 'e1' }).endpoint.spec.id).not.toBe('e1');
    first.done(Outcome.Success);
    expect(service.acquire({ prefer: 'e1' }).endpoint.spec.id).toBe('e1');
  });
});
