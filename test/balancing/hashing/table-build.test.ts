import type { Service } from 'fairlead';
import { KeyRing } from 'fairlead/hashing';
import type { ManualClock } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { type EndpointInput, Outcome } from '../../../src/index.js';
import { testMesh } from '../../support/mesh.js';

const KEYS = Array.from({ length: 2_000 }, (_, i) => `user:${i}`);
const list = (from: number, count: number): EndpointInput[] =>
  Array.from({ length: count }, (_, i) => ({
    id: `e${100_000 + from + i}`,
    host: '127.0.0.1',
    port: 5_000 + from + i,
  }));
const ids = (endpoints: readonly EndpointInput[]): string[] =>
  endpoints.map((each) => (typeof each === 'string' ? each : each.id!));

function ownersBy(service: Service): string[] {
  return KEYS.map((key) => {
    const lease = service.acquire({ key });
    lease.done(Outcome.Success);
    return lease.endpoint.spec.id;
  });
}

/** Where the keys belong, by a ring of their own. */
function expected(endpoints: readonly EndpointInput[]): string[] {
  const ring = new KeyRing();
  ring.update(ids(endpoints).map((id) => ({ id, weight: 1 })));
  return KEYS.map((key) => ids(endpoints)[ring.lookup(key)]!);
}

const world = (endpoints: readonly EndpointInput[]) => {
  const { mesh, clock, resolver } = testMesh({ s: endpoints });
  const service = mesh.service('s', { policy: 'consistent_hash' });
  const update = (next: readonly EndpointInput[]): void => resolver.update('s', next);
  return { mesh, clock, service, update };
};

describe('the ring of a long list', () => {
  it('is built over many turns, and the service is ready after the last', async () => {
    const { clock, service } = world(list(0, 5_000));
    let ready = false;
    const waiting = service.ready().then(() => {
      ready = true;
    });
    let turns = 0;
    let rotations = 0;
    service.on('rotation', () => rotations++);
    const { after } = clock;
    clock.after = function counting(this: ManualClock, delayMs, fire) {
      return after.call(this, delayMs, () => {
        turns++;
        fire();
      });
    };
    expect(service.rotation).toHaveLength(0);
    clock.advance(0);
    expect(service.rotation).toHaveLength(5_000);
    expect(rotations).toBe(1);
    // 50 steps or so, 4 at once and then 2 a turn: the clock was wrapped after the first timer.
    expect(turns).toBeGreaterThan(15);
    await waiting;
    expect(ready).toBe(true);
    expect(ownersBy(service)).toEqual(expected(list(0, 5_000)));
  });

  it('is finished at once for a call that does not wait', () => {
    const { clock, service } = world(list(0, 2_000));
    expect(clock.pending).toBe(1);
    expect(ownersBy(service)).toEqual(expected(list(0, 2_000)));
    expect(service.rotation).toHaveLength(2_000);
    expect(clock.pending).toBe(0);
  });

  it('of a few hundred is there at once', () => {
    expect(world(list(0, 700)).service.rotation).toHaveLength(700);
  });

  it('is the old one while the next is in work: who left gets no call, who came gets none yet', () => {
    const { clock, service, update } = world(list(0, 3_000));
    const before = ownersBy(service);
    const next = list(1_000, 3_000);
    update(next);
    const meanwhile = ownersBy(service);
    const stays = new Set(ids(list(1_000, 2_000)));
    for (const [i, owner] of meanwhile.entries()) {
      expect(stays.has(owner)).toBe(true);
      if (stays.has(before[i]!)) expect(owner).toBe(before[i]);
    }
    clock.advance(0);
    expect(ownersBy(service)).toEqual(expected(next));
  });

  it('is finished at once where the old one knows fewer than half of those that are ready', () => {
    const { service, update } = world(list(0, 2_000));
    ownersBy(service);
    update(list(1_500, 2_000));
    expect(ownersBy(service)).toEqual(expected(list(1_500, 2_000)));
  });

  it('is that of the last list, whatever comes while one is in work', () => {
    const { clock, service, update } = world(list(0, 3_000));
    ownersBy(service);
    update(list(900, 3_000));
    update(list(1_000, 3_000));
    update(list(1_100, 2_900));
    clock.advance(0);
    expect(ownersBy(service)).toEqual(expected(list(1_100, 2_900)));
    // And back to where it was, before the next is done.
    update(list(0, 3_500));
    update(list(1_100, 2_900));
    expect(ownersBy(service)).toEqual(expected(list(1_100, 2_900)));
    expect(clock.pending).toBe(0);
  });

  it('leaves no timer behind when the mesh closes', async () => {
    const { mesh, clock } = world(list(0, 2_000));
    expect(clock.pending).toBe(1);
    await mesh.close();
    expect(clock.pending).toBe(0);
  });
});
