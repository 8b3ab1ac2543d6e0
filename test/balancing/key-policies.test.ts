import { runInNewContext } from 'node:vm';
import {
  consistentHash,
  type Lease,
  maglev,
  Outcome,
  type Policy,
  rendezvous,
  roundRobin,
  type Service,
} from 'fairlead';
import { seededRandom } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { endpoints, testMesh } from '../support/mesh.js';

const KEYS = Array.from({ length: 3_000 }, (_, i) => `user:${i}`);

function owners(service: Service): string[] {
  return KEYS.map((key) => {
    const lease = service.acquire({ key });
    lease.done(Outcome.Cancelled);
    return lease.endpoint.spec.id;
  });
}

const policies: readonly (readonly [string, () => Policy])[] = [
  ['consistent_hash', consistentHash],
  ['consistent_hash with murmur3', () => consistentHash({ hash: 'murmur3' })],
  ['maglev', maglev],
  ['rendezvous', rendezvous],
];

describe.each(policies)('%s', (name, make) => {
  it('moves only the keys of an ejected endpoint, spread over the others, and brings back just those', () => {
    const { mesh, clock } = testMesh({ users: endpoints(10) });
    const service = mesh.service('users', { policy: make() });
    const before = owners(service);
    const victim = before[0]!;
    for (let i = 0; i < 5; i++) {
      const lease = service.acquire({ key: KEYS[0] });
      expect(lease.endpoint.spec.id).toBe(victim);
      lease.done(Outcome.Failure);
    }
    expect(service.rotation).toHaveLength(9);
    const during = owners(service);
    expect(during).not.toContain(victim);
    expect(before.filter((owner, i) => owner !== during[i] && owner !== victim)).toEqual([]);
    expect(new Set(during.filter((_, i) => before[i] === victim)).size).toBeGreaterThan(5);
    clock.advance(40_000);
    service.acquire({ key: KEYS[0] }).done(Outcome.Success);
    expect(owners(service)).toEqual(before);
  });

  it('goes by the id of an endpoint: one that comes back at another address has its keys again', () => {
    const { mesh, resolver } = testMesh({ users: endpoints(5) });
    const service = mesh.service('users', { policy: make() });
    const before = owners(service);
    resolver.update(
      'users',
      endpoints(5).map((spec) => ({
        ...(spec as object),
        id: (spec as { id: string }).id,
        host: '127.0.0.9',
        port: 7_000,
      })),
    );
    expect(owners(service)).toEqual(before);
  });

  it('gives every client the same placement, whatever the order of discovery', () => {
    const forwards = testMesh({ users: endpoints(6) }, { seed: 1 }).mesh.service('users', { policy: make() });
    const backwards = testMesh({ users: endpoints(6).toReversed() }, { seed: 2 }).mesh.service('users', {
      policy: make(),
    });
    expect(owners(backwards)).toEqual(owners(forwards));
  });

  it('moves keys only to or from an endpoint in slow start, and more of them the warmer it is', () => {
    const { mesh, clock, resolver } = testMesh({ users: endpoints(4) });
    const service = mesh.service('users', { policy: make(), slowStart: { windowMs: 60_000 } });
    clock.advance(100_000);
    const before = owners(service);
    resolver.update('users', endpoints(5));
    let last = 0;
    for (const [elapsedMs, atLeast] of [
      [1_000, 0.02],
      [29_000, 0.06],
      [60_000, 0.12],
    ] as const) {
      clock.advance(elapsedMs);
      const now = owners(service);
      // Maglev's table moves a few other keys when a member joins, warm or not.
      if (name !== 'maglev') expect(now.filter((owner, i) => owner !== before[i] && owner !== 'e4')).toEqual([]);
      const share = now.filter((owner) => owner === 'e4').length / KEYS.length;
      expect(share).toBeGreaterThanOrEqual(Math.max(last, atLeast * 0.5));
      last = share;
    }
    expect(last).toBeGreaterThan(0.12);
  });

  it(`never lets an endpoint have more than its bound: ${name}`, () => {
    for (const maxLoadRatio of [1.05, 1.25, 2]) {
      const bounded = name.startsWith('consistent')
        ? consistentHash({ maxLoadRatio, hash: name.includes('murmur3') ? 'murmur3' : 'ketama' })
        : name === 'maglev'
          ? maglev({ maxLoadRatio })
          : rendezvous({ maxLoadRatio });
      const service = testMesh({ users: endpoints(20) }).mesh.service('users', { policy: bounded });
      const random = seededRandom(3);
      const open: Lease[] = [];
      for (let i = 0; i < 2_000; i++) {
        if (random.below(3) === 0 && open.length > 0)
          open.splice(random.below(open.length), 1)[0]!.done(Outcome.Success);
        // A few keys have most of the calls.
        const lease = service.acquire({ key: `hot:${Math.floor(random.float() ** 3 * 50)}` });
        open.push(lease);
        expect(lease.endpoint.inflight).toBeLessThanOrEqual(Math.ceil((maxLoadRatio * open.length) / 20 - 1e-9));
      }
    }
  });

  it('leaves a key at its owner while that has room', () => {
    if (!name.startsWith('consistent')) return;
    const plain = owners(testMesh({ users: endpoints(10) }).mesh.service('users', { policy: make() }));
    const options = { maxLoadRatio: 100, hash: name.includes('murmur3') ? 'murmur3' : 'ketama' } as const;
    expect(
      owners(testMesh({ users: endpoints(10) }).mesh.service('users', { policy: consistentHash(options) })),
    ).toEqual(plain);
  });
});

describe('a key', () => {
  it.each([...policies, ['round_robin', roundRobin] as const])(
    'of %s that is neither text nor bytes is refused',
    (_, make) => {
      const service = testMesh({ users: endpoints(3) }).mesh.service('users', { policy: make() });
      for (const key of [5, null, true, 10n, {}, [1, 2], new Uint16Array(2), new DataView(new ArrayBuffer(2))]) {
        expect(() => service.acquire({ key: key as never })).toThrow(
          expect.objectContaining({ code: 'FAIRLEAD_INVALID_OPTION', message: expect.stringContaining('key is ') }),
        );
      }
    },
  );

  it('may be bytes of another realm', () => {
    const service = testMesh({ users: endpoints(3) }).mesh.service('users', { policy: 'maglev' });
    const foreign = runInNewContext('new Uint8Array([1, 2, 3])') as Uint8Array;
    expect(service.acquire({ key: foreign }).endpoint).toBe(service.acquire({ key: Uint8Array.of(1, 2, 3) }).endpoint);
  });
});

describe('options of policies that go by key', () => {
  it('refuse what makes no sense', () => {
    expect(() => maglev({ tableSize: 65_536 })).toThrow(/maglev\.tableSize is 65536: allowed is a prime/);
    expect(() => consistentHash({ maxLoadRatio: 0.9 })).toThrow(/maxLoadRatio is 0\.9/);
    expect(() => consistentHash({ vnodes: 1.5 })).toThrow(/vnodes is 1\.5/);
  });

  it('are taken from a config as from code', () => {
    const service = (policy: never): Service => testMesh({ users: endpoints(4) }).mesh.service('users', { policy });
    expect(owners(service({ consistent_hash: { hash: 'murmur3' } } as never))).toEqual(
      owners(service(consistentHash({ hash: 'murmur3' }) as never)),
    );
  });
});
