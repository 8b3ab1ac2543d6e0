import { describe, expect, it, onTestFinished } from 'vitest';
import { FakeCluster } from '../../../support/fake-cluster.js';
import type { FakeMysql } from '../../../support/fake-mysql.js';

const LOOK = /SELECT @@global.read_only/;

function fakeCluster(options: Record<string, unknown> = {}): FakeCluster {
  const fake = new FakeCluster(2, options);
  onTestFinished(() => fake.mesh.close());
  return fake;
}

const looks = ({ statements }: FakeMysql): number => statements.filter((sql) => LOOK.test(sql)).length;

/** Looks at the primary within so much time. */
async function looksIn(fake: FakeCluster, ms: number): Promise<number> {
  const before = looks(fake.servers[0]!);
  await fake.pass(ms, 20);
  return looks(fake.servers[0]!) - before;
}

describe('the pools of one mesh', () => {
  it('look at a server on one connection, and each knows what is seen', async () => {
    const fake = fakeCluster();
    const others = [fake.another({ database: 'orders', typeCast: false }), fake.another({ policy: 'random' })];
    await fake.pass(3_000);
    expect(fake.servers.map(({ connections }) => connections.length)).toEqual([1, 1]);
    for (const cluster of [fake.cluster, ...others]) {
      expect(cluster.status().servers.map(({ role }) => role)).toEqual(['primary', 'replica']);
    }
    // A promotion, too.
    fake.servers[0]!.readOnly = true;
    fake.servers[1]!.readOnly = false;
    await fake.pass(1_100);
    for (const cluster of [fake.cluster, ...others]) expect(cluster.status().primary).toBe('db1');
  });

  it('go on looking when one of them ends, whichever began, until the last has', async () => {
    const fake = fakeCluster();
    const other = fake.another();
    await fake.pass(100);
    await fake.cluster.close();
    expect(await looksIn(fake, 5_000)).toBe(5);
    fake.servers[0]!.kill();
    fake.servers[0]!.restart();
    await fake.pass(1_100);
    expect(other.status().servers.map(({ role }) => role)).toEqual(['primary', 'replica']);
    await other.close();
    expect(fake.servers.map(({ open }) => open)).toEqual([0, 0]);
    expect(await looksIn(fake, 5_000)).toBe(0);
    // And one that comes later looks again.
    const late = fake.another();
    await fake.pass(100);
    expect(late.status().primary).toBe('db0');
  });

  it('look as often as the one of them that looks most often', async () => {
    const fake = fakeCluster({ probeIntervalMs: 2_000 });
    await fake.pass(100);
    const hurried = fake.another({ probeIntervalMs: 200 });
    await fake.pass(100);
    expect(await looksIn(fake, 4_000)).toBe(20);
    expect(fake.cluster.status().servers[0]!.probeEveryMs).toBe(200);
    await hurried.close();
    await fake.pass(200);
    expect(await looksIn(fake, 4_000)).toBe(2);
  });

  it.each<[string, Record<string, unknown>, Record<string, unknown>]>([
    ['another user', {}, { user: 'other' }],
    ['another password', { password: 'a' }, { password: 'b' }],
    ['another function for the password', { password: () => 'a' }, { password: () => 'a' }],
    ['another probeUser', {}, { probeUser: { user: 'probe' } }],
    ['other TLS', {}, { ssl: { minVersion: 'TLSv1.3' } }],
    ['attributes of its own', {}, { connectAttributes: { team: 'b' } }],
  ])('look on connections of their own as %s', async (_what, one, other) => {
    const fake = fakeCluster(one);
    fake.another(other);
    await fake.pass(2_000);
    expect(fake.servers.map(({ connections }) => connections.length)).toEqual([2, 2]);
  });

  it.each<[string, Record<string, unknown>]>([
    ['probeUser', { probeUser: { user: 'probe', password: 'p' } }],
    ['function for the password', { password: () => 'a' }],
    ['TLS', { ssl: { minVersion: 'TLSv1.3' } }],
  ])('share a connection where they have the same %s', async (_what, options) => {
    const fake = fakeCluster(options);
    fake.another({ ...options, database: 'orders' });
    await fake.pass(2_000);
    expect(fake.servers.map(({ connections }) => connections.length)).toEqual([1, 1]);
  });
});

describe('many processes that look at one server', () => {
  it('look a hundred times a second together, and as told again when they are few', async () => {
    const fake = fakeCluster();
    fake.servers[0]!.looking = 499;
    await fake.pass(15_000);
    expect(fake.cluster.status().servers.map(({ probeEveryMs }) => probeEveryMs)).toEqual([5_000, 1_000]);
    expect(await looksIn(fake, 30_000)).toBe(6);
    fake.servers[0]!.looking = 0;
    // Counted no more often than a server can take from so many.
    await fake.pass(260_000, 500);
    expect(await looksIn(fake, 10_000)).toBe(10);
  });

  it('never stretch their intervals more than tenfold', async () => {
    const fake = fakeCluster({ probeIntervalMs: 200 });
    fake.servers[0]!.looking = 1_000_000;
    await fake.pass(5_000);
    expect(await looksIn(fake, 20_000)).toBe(10);
  });

  it('make each other wait for looks that one of them needs soon', async () => {
    const fake = fakeCluster();
    fake.servers[0]!.looking = 49;
    await fake.pass(3_000);
    const before = looks(fake.servers[0]!);
    for (let i = 0; i < 100; i++) {
      fake.cluster.lookSoon();
      await fake.pass(50);
    }
    // 5 s; alone it would look at each of the calls.
    expect(looks(fake.servers[0]!) - before).toBe(10);
  });

  it('are not counted where a server refuses to', async () => {
    const fake = fakeCluster();
    fake.servers[0]!.looking = 499;
    fake.servers[0]!.unknownVariable = 'information_schema';
    await fake.pass(15_000);
    expect(await looksIn(fake, 10_000)).toBe(10);
    expect(fake.cluster.status().servers[0]).toMatchObject({ role: 'primary', error: undefined });
  });
});
