import { createHash } from 'node:crypto';
import { type AffinityOptions, Outcome, type Service, sessionHash } from 'fairlead';
import { describe, expect, it } from 'vitest';
import { endpoints, testMesh } from '../support/mesh.js';

function sticky(affinity: AffinityOptions, count = 5) {
  const test = testMesh({ users: endpoints(count) });
  const service = test.mesh.service('users', { policy: 'random', affinity, panicThreshold: 0 });
  const full: { capacity: number; strangers: number }[] = [];
  service.on('sessionsFull', (event) => full.push(event));
  return { ...test, service, full };
}

function call(service: Service, key: string, outcome: Outcome = Outcome.Success): string {
  const lease = service.acquire({ key });
  lease.done(outcome);
  return lease.endpoint.spec.id;
}

const keys = (kind: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${kind} ${i}`);

describe('made-up session keys', () => {
  it.each(['move', 'fail'] as const)('evict no session that is in use (%s)', (onUnavailable) => {
    const { service } = sticky({ capacity: 100, onUnavailable });
    const before = keys('real', 100).map((key) => call(service, key));
    for (const key of keys('made up', 10_000)) call(service, key);
    expect(keys('real', 100).map((key) => call(service, key))).toEqual(before);
  });

  it('keep their endpoints all the same, without a place in the table: by their hash', () => {
    const { service, resolver } = sticky({ capacity: 100 });
    for (const key of keys('real', 100)) call(service, key);
    const strangers = keys('stranger', 1_000);
    const first = strangers.map((key) => call(service, key));
    for (let i = 0; i < 3; i++) expect(strangers.map((key) => call(service, key))).toEqual(first);
    for (const id of ['e0', 'e1', 'e2', 'e3', 'e4']) {
      const share = first.filter((each) => each === id).length / 1_000;
      expect(share).toBeGreaterThan(0.15);
      expect(share).toBeLessThan(0.25);
    }
    // One endpoint less moves its own, no others.
    resolver.update('users', endpoints(4));
    const after = strangers.map((key) => call(service, key));
    expect(after.filter((id, i) => id !== first[i] && first[i] !== 'e4')).toEqual([]);
  });

  it('are placed by weight', () => {
    const { mesh } = testMesh({
      users: [
        { id: 'small', host: '127.0.0.1', port: 1, weight: 1 },
        { id: 'large', host: '127.0.0.1', port: 2, weight: 3 },
      ],
    });
    const service = mesh.service('users', { affinity: { capacity: 1 } });
    call(service, 'real');
    const large = keys('stranger', 4_000).filter((key) => call(service, key) === 'large').length / 4_000;
    expect(large).toBeGreaterThan(0.72);
    expect(large).toBeLessThan(0.78);
  });

  it('are refused with fail while their endpoint is out, as sessions are, and find it again', () => {
    const { service, clock } = sticky({ capacity: 1, onUnavailable: 'fail' });
    call(service, 'real');
    const key = keys('stranger', 50).find((each) => call(service, each) === 'e3')!;
    for (let i = 0; i < 5; i++) call(service, key, Outcome.Failure);
    expect(() => call(service, key)).toThrow(/not available/);
    clock.advance(40_000);
    expect(call(service, key)).toBe('e3');
  });

  it('find room when sessions end, and keep the endpoint that they had', () => {
    const { service, clock, resolver } = sticky({ capacity: 100, ttlMs: 10_000 });
    for (const key of keys('real', 100)) call(service, key);
    const strangers = keys('stranger', 80);
    const first = strangers.map((key) => call(service, key));
    clock.advance(6_000);
    expect(strangers.map((key) => call(service, key))).toEqual(first);
    clock.advance(6_000);
    expect(strangers.map((key) => call(service, key))).toEqual(first);
    // Now they are in the table: an endpoint more changes nothing.
    resolver.update('users', endpoints(6));
    expect(strangers.map((key) => call(service, key))).toEqual(first);
  });

  it('are told of when the table is full, and once a minute while it is', () => {
    const { service, clock, full } = sticky({ capacity: 100 });
    for (const key of keys('real', 100)) call(service, key);
    expect(full).toEqual([]);
    for (const key of keys('made up', 500)) call(service, key);
    expect(full).toEqual([{ capacity: 100, strangers: 1 }]);
    clock.advance(60_000);
    for (const key of keys('made up', 500)) call(service, key);
    expect(full).toEqual([
      { capacity: 100, strangers: 1 },
      { capacity: 100, strangers: 500 },
    ]);
  });
});

describe('a session key is a credential', () => {
  const key = 'sid=31415926535-secret';
  const hash = createHash('sha256').update(key).digest('base64url');

  it('whose hash is what events show', () => {
    const { service } = sticky({});
    const moved: string[] = [];
    service.on('affinity', (event) => moved.push(event.key));
    const first = service.acquire({ key }).endpoint;
    service.acquire({ key, tried: [first] });
    expect(moved).toEqual([hash]);
    expect(sessionHash(key)).toBe(hash);
  });

  it('whose hash is what stores see, shared or not', async () => {
    const seen = new Set<string>();
    const shared = {
      load: async (each: string) => void seen.add(each) as undefined,
      bind: async (each: string, id: string) => {
        seen.add(each);
        return id;
      },
    };
    const own = {
      get: (each: string) => void seen.add(each) as undefined,
      set: (each: string) => void seen.add(each),
      delete: () => {},
      size: 0,
      clear: () => {},
    };
    for (const store of [shared, own]) {
      seen.clear();
      const { service, clock } = sticky({ store });
      const asked = service.call((endpoint) => endpoint.spec.id, { key });
      await clock.advanceAsync(1);
      await asked;
      expect([...seen]).toEqual([hash]);
    }
  });

  it('whose hash is what a distributed limit is charged by, unless a client key was given', async () => {
    const charged: (string | number)[] = [];
    const limiter = { consume: async (each: string | number) => void charged.push(each) };
    const { mesh } = testMesh({ users: endpoints(1) });
    const service = mesh.service('users', { resilience: { limits: { distributed: { limiter } } } });
    await service.call(() => 'done', { key });
    await service.call(() => 'done', { key, clientKey: 'tenant-7' });
    expect(charged).toEqual([hash, 'tenant-7']);
  });

  it('of bytes or text, different keys having different hashes', () => {
    const all = ['a', 'ä', '\ud800', '\ud801', Uint8Array.of(0xff), Uint8Array.of(0xfe), ''];
    expect(new Set(all.map(sessionHash)).size).toBe(all.length);
    expect(sessionHash(Uint8Array.of(1, 2, 3, 4).subarray(1, 3))).toBe(sessionHash(Uint8Array.of(2, 3)));
  });
});
