import { describe, expect, it } from 'vitest';
import type { PoolStatus } from '../../../../adapters/mysql/cluster/status.js';
import { FakeCluster } from '../../../support/fake-cluster.js';

const SOURCE = '3e11fa47-71ca-11e1-9e33-c80aa9429562';

/** Who is written to, who is read from, and why. */
const brief = ({ primary, readsGoTo, why }: PoolStatus) => [primary, readsGoTo, why];

describe('the status of a pool', () => {
  it('says of each server what it is, how far it is, and what it is used for', async () => {
    const test = new FakeCluster(3, { probeIntervalMs: 100, maxLagMs: 1_000 });
    await test.pass(0);
    expect(brief(test.cluster.status())).toEqual(['db0', ['db1', 'db2'], 'replicas serve reads']);
    for (const i of [0, 1]) test.servers[i]!.transactions = 5;
    await test.pass(1_500);
    const status = test.cluster.status();
    expect(brief(status)).toEqual([
      'db0',
      ['db1'],
      'replicas serve reads, but not db2: it is behind by 1400 ms, more than maxLagMs',
    ]);
    expect(status.servers).toMatchObject([
      { id: 'db0', address: '127.0.0.1:3000', role: 'primary', lagMs: 0, written: true, read: false },
      { id: 'db1', role: 'replica', lagMs: 0, position: `${SOURCE}:1-5`, written: false, read: true, reason: '' },
      { id: 'db2', role: 'replica', lagMs: 1_400, position: `${SOURCE}:1-1`, written: false, read: false },
    ]);
    expect(status.servers[0]!.reason).toContain('it is the primary');
    expect(status.servers[1]).toMatchObject({ state: 'ready', error: undefined, connections: { idle: 0, busy: 0 } });
    expect(status.servers[1]!.seenAgoMs).toBeLessThan(100);
  });

  it('says why reads go to the primary, and why nothing is written', async () => {
    const test = new FakeCluster(2, { probeIntervalMs: 100 });
    expect(brief(test.cluster.status())).toEqual([
      undefined,
      [],
      'no replica serves reads (db0: its role is not known; db1: its role is not known), and no primary is known',
    ]);
    test.servers[0]!.transactions = 5;
    await test.pass(0);
    expect(brief(test.cluster.status())).toEqual([
      'db0',
      ['db0'],
      'no replica serves reads (db1: it was not seen yet to have what the primary has): the primary does',
    ]);
    test.servers[1]!.readOnly = false;
    await test.pass(200);
    const two = test.cluster.status();
    expect(two.primary).toBeUndefined();
    expect(two.servers.map(({ reason }) => reason)).toEqual([
      'another server accepts writes as well',
      'another server accepts writes as well',
    ]);
    test.servers[1]!.kill();
    await test.pass(500);
    const [, dead] = test.cluster.status().servers;
    expect(dead).toMatchObject({ role: 'unknown', state: 'unhealthy', error: { code: 'ECONNREFUSED' } });
    test.resolver.update('db', [test.inputs(0)[0]!, { ...(test.inputs(1)[0] as object), healthy: false } as never]);
    test.servers[1]!.readOnly = true;
    test.servers[1]!.transactions = 5;
    test.servers[1]!.restart();
    await test.pass(500);
    expect(test.cluster.status().servers[1]!.reason).toBe('its registry says that it is unhealthy');
  });

  it('is told when a role changes, or where statements go, and not when only the lag does', async () => {
    const test = new FakeCluster(3, { probeIntervalMs: 100, maxLagMs: 1_000 });
    await test.pass(100);
    const seen = test.statuses.length;
    expect(brief(test.statuses.at(-1)!)).toEqual(brief(test.cluster.status()));
    for (let i = 0; i < 8; i++) {
      test.servers[0]!.transactions++;
      await test.pass(100);
    }
    expect(test.statuses.length).toBe(seen);
    await test.pass(500);
    // Both replicas are too far behind by now.
    expect(brief(test.statuses.at(-1)!).slice(0, 2)).toEqual(['db0', ['db0']]);
    expect(test.statuses.length - seen).toBeLessThanOrEqual(2);
  });
});
