import { Outcome } from 'fairlead';
import { describe, expect, it } from 'vitest';
import { FakeCluster } from '../../../support/fake-cluster.js';

const DENIED = Object.assign(new Error('denied'), { errno: 1045, code: 'ER_ACCESS_DENIED_ERROR' });

async function cluster(count = 2, options: Record<string, unknown> = {}): Promise<FakeCluster> {
  const made = new FakeCluster(count, { acquireTimeoutMs: 1_000, probeIntervalMs: 100, ...options });
  await made.pass(0);
  return made;
}

describe('the search for a connection', () => {
  it('takes an idle one at once', async () => {
    const test = await cluster();
    test.checkout();
    await test.pass(0);
    test.cluster.release(test.checkouts[0]!, Outcome.Success);
    test.checkout();
    // No turn of anything in between.
    expect([test.results, test.inflight]).toEqual([['db1', 'db1'], 1]);
    expect(test.servers[1]!.connections.length).toBe(2 /* the prober's is one */);
  });

  it('tries another server for a read where one cannot be connected to, and leaves no lease behind', async () => {
    const test = await cluster(3);
    test.servers[1]!.refusal = test.servers[2]!.refusal = Object.assign(new Error('no'), { code: 'ECONNREFUSED' });
    test.checkout();
    await test.pass(0);
    expect([test.results, test.inflight]).toEqual([['db0'], 1]);
  });

  it('tries the one primary again after a rest, and reports its error once the time is over', async () => {
    const test = await cluster(1, { acquireTimeoutMs: 120 });
    test.servers[0]!.refusal = Object.assign(new Error('no'), { code: 'ECONNREFUSED' });
    test.checkout('primary');
    // Looked at twice more by now; no third time, as 20 ms would be left for it.
    await test.pass(90, 10);
    expect(test.results).toEqual([]);
    await test.pass(10);
    expect([test.results, test.inflight]).toEqual([['ECONNREFUSED'], 0]);
    test.servers[0]!.restart();
    test.checkout('primary');
    await test.pass(120, 10);
    expect(test.results).toEqual(['ECONNREFUSED', 'db0']);
  });

  it('reports a refused login at once', async () => {
    const test = await cluster();
    test.servers[1]!.refusal = DENIED;
    test.checkout();
    await test.pass(0);
    expect([test.results, test.inflight]).toEqual([['ER_ACCESS_DENIED_ERROR'], 0]);
  });

  it('goes on elsewhere where its server left discovery, unless everything is closed', async () => {
    const test = await cluster(2, { connectionLimit: 1 });
    test.checkout();
    await test.pass(0);
    test.checkout();
    expect(test.results).toEqual(['db1', 'enqueued']);
    test.resolver.update('db', test.inputs(0));
    await test.pass(0);
    expect(test.results).toEqual(['db1', 'enqueued', 'db0']);
    test.checkout();
    void test.cluster.close();
    await test.pass(0);
    expect(test.results.slice(3)).toEqual(['enqueued', 'FAIRLEAD_CLOSED']);
  });

  it('waits for a server to be found, and no longer than it may', async () => {
    const test = await cluster(1);
    test.servers[0]!.kill();
    await test.pass(3_000);
    test.checkout();
    await test.pass(900);
    test.checkout('primary');
    expect(test.cluster.waiting.size).toBe(2);
    await test.pass(100);
    expect([test.results, test.cluster.waiting.size]).toEqual([['FAIRLEAD_NO_ENDPOINT'], 1]);
    test.servers[0]!.restart();
    await test.pass(900);
    expect([test.results, test.cluster.waiting.size]).toEqual([['FAIRLEAD_NO_ENDPOINT', 'db0'], 0]);
    // Nothing that waited is told anything later.
    await test.pass(5_000);
    expect(test.results.length).toBe(2);
  });

  it('ends at once where waiting is in vain', async () => {
    const test = await cluster(2);
    for (const server of test.servers) server.kill();
    await test.pass(3_000);
    test.checkout('primary');
    await test.pass(0);
    expect(test.results).toEqual([]);
    for (const server of test.servers) server.refusal = DENIED;
    await test.pass(100);
    expect(test.results).toEqual(['ER_ACCESS_DENIED_ERROR']);
    for (const server of test.servers) {
      server.restart();
      server.readOnly = false;
    }
    await test.pass(100);
    test.checkout('primary');
    expect(test.results).toEqual(['ER_ACCESS_DENIED_ERROR', 'FAIRLEAD_TWO_PRIMARIES']);
  });

  it('waits for ever where acquireTimeoutMs is 0', async () => {
    const test = await cluster(1, { acquireTimeoutMs: 0, probeIntervalMs: 60_000 });
    test.servers[0]!.kill();
    await test.pass(200_000, 5_000);
    test.checkout();
    await test.pass(10_000_000, 500_000);
    expect(test.results).toEqual([]);
    test.servers[0]!.restart();
    await test.pass(60_000, 5_000);
    expect(test.results).toEqual(['db0']);
  });
});
