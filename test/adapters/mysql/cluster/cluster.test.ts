import { describe, expect, it } from 'vitest';
import { FakeCluster } from '../../../support/fake-cluster.js';

describe('the first look', () => {
  it('is waited for at every server before anything is written: there may be a second primary', async () => {
    const test = new FakeCluster(2);
    test.servers[1]!.readOnly = false;
    test.servers[1]!.hangs = true;
    test.checkout('primary');
    await test.pass(500);
    expect(test.results).toEqual([]);
    test.servers[1]!.resume();
    await test.pass(0);
    expect(test.results).toEqual(['FAIRLEAD_TWO_PRIMARIES']);
  });

  it('is waited for before anything is read: the primary may be the one that shows a replica to be old', async () => {
    const test = new FakeCluster(2);
    test.servers[0]!.transactions = 2;
    test.servers[0]!.hangs = true;
    test.checkout('replica');
    await test.pass(500);
    expect(test.results).toEqual([]);
    test.servers[0]!.resume();
    await test.pass(0);
    expect(test.results).toEqual(['db0']);
  });

  it('of a server that hangs is waited for one second', async () => {
    const test = new FakeCluster(3, { probeIntervalMs: 10_000 });
    test.servers[2]!.hangs = true;
    test.checkout('primary');
    test.checkout('replica');
    await test.pass(950);
    expect(test.results).toEqual([]);
    await test.pass(50);
    expect(test.results).toEqual(['db0', 'db1']);
  });
});

describe('a replica', () => {
  it('is read from again soon after it has what the primary had when it was first looked at', async () => {
    const test = new FakeCluster(2, { probeIntervalMs: 10_000 });
    test.servers[0]!.transactions = 5;
    await test.pass(0);
    test.checkout();
    test.servers[1]!.transactions = 5;
    await test.pass(20, 10);
    test.checkout();
    await test.pass(0);
    expect(test.results).toEqual(['db0', 'db1']);
  });

  it('is read from until it lags more than maxLagMs, and again when it does not', async () => {
    const test = new FakeCluster(2, { probeIntervalMs: 100, maxLagMs: 2_000 });
    await test.pass(0);
    const where = async (): Promise<unknown> => {
      test.checkout();
      await test.pass(0);
      test.cluster.release(test.checkouts.at(-1)!, 'success' as never);
      return test.results.at(-1);
    };
    test.servers[0]!.transactions = 2;
    await test.pass(2_000);
    expect(await where()).toBe('db1');
    await test.pass(300);
    expect(await where()).toBe('db0');
    test.servers[1]!.transactions = 2;
    await test.pass(100);
    expect(await where()).toBe('db1');
  });
});

describe('a pool that is being ended', () => {
  it('cuts what did not come back once endTimeoutMs is over', async () => {
    const test = new FakeCluster(1, { endTimeoutMs: 700 });
    await test.pass(0);
    test.checkout('primary');
    await test.pass(0);
    let ended = false;
    void test.cluster.close().then(() => {
      ended = true;
    });
    await test.pass(650);
    expect([ended, test.servers[0]!.open]).toEqual([false, 1]);
    await test.pass(50);
    expect([ended, test.servers[0]!.open]).toEqual([true, 0]);
  });
});
