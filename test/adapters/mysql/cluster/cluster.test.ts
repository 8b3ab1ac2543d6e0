import { Outcome } from 'fairlead';
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
      test.cluster.release(test.checkouts.at(-1)!, Outcome.Success);
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

describe('a thread id', () => {
  it('belongs to the server where a connection in use has it', async () => {
    const test = new FakeCluster(3);
    await test.pass(0);
    expect(test.cluster.forThread(2)).toBeUndefined();
    const { servers, cluster } = test;
    // Of the fake servers each counts its connections from 1: the prober's.
    test.checkout({ endpoint: 'db1' });
    await test.pass(0);
    expect(servers.map(({ connections }) => connections.length)).toEqual([1, 2, 1]);
    expect(cluster.forThread(2)).toEqual({ endpoint: 'db1' });
    test.checkout({ endpoint: 'db2' });
    await test.pass(0);
    expect(cluster.forThread(2)).toMatchObject({
      code: 'FAIRLEAD_UNROUTABLE',
      message: expect.stringContaining("on 'db1' and 'db2' of service 'db': nothing was sent") as string,
    });
    // Whoever names it has asked for it.
    test.checkouts[1]!.physical.threadIdRead = true;
    expect(cluster.forThread(2)).toEqual({ endpoint: 'db2' });
    for (const checkout of test.checkouts) cluster.release(checkout, Outcome.Success);
    expect(cluster.forThread(2)).toBeUndefined();
  });
});

describe('a server that is named', () => {
  it('is used whatever is known of it, for as long as a caller may wait', async () => {
    const test = new FakeCluster(2, { acquireTimeoutMs: 500, probeIntervalMs: 100 });
    test.servers[0]!.transactions = 9;
    test.checkout({ endpoint: 'db1' });
    await test.pass(0);
    expect(test.results).toEqual(['db1']);
    test.servers[1]!.kill();
    test.cluster.release(test.checkouts[0]!, Outcome.Cancelled);
    await test.pass(1_000);
    test.checkout({ endpoint: 'db1' });
    await test.pass(600);
    expect(test.results).toEqual(['db1', 'ECONNREFUSED']);
    test.checkout({ endpoint: 'db9' });
    expect([test.results.at(-1), test.inflight]).toEqual(['FAIRLEAD_NO_ENDPOINT', 0]);
  });
});

describe('KILL QUERY', () => {
  it('goes beside a pool that is full, and leaves nothing behind, also where it is not answered', async () => {
    const test = new FakeCluster(1, { connectionLimit: 1 });
    const server = test.servers[0]!;
    test.checkout('primary');
    await test.pass(0);
    const answers: unknown[] = [];
    const kill = (): void => test.cluster.killQuery(test.endpoint(0), 2, (error) => answers.push(error));
    kill();
    await test.pass(0);
    expect([answers, server.statements.at(-1), server.open]).toEqual([[null], 'KILL QUERY 2', 2]);
    server.hangs = true;
    kill();
    await test.pass(4_950);
    expect(answers).toEqual([null]);
    await test.pass(50);
    expect(answers).toEqual([null, expect.objectContaining({ code: 'ETIMEDOUT' })]);
    expect(server.connections.at(-1)!.stream.destroyed).toBe(true);
  });
});

describe('a server that does not answer', () => {
  it('is unhealthy to all who use the service, with an event, until it answers', async () => {
    const test = new FakeCluster(3, { probeIntervalMs: 200 });
    const { service } = test.cluster;
    const events: string[] = [];
    service.on('checked', ({ endpoint, healthy, reason }) => {
      events.push(`${endpoint.spec.id} ${healthy ? 'well' : reason?.message}`);
    });
    await test.pass(0);
    test.servers[2]!.kill();
    // Twice: one look may be a lost packet. No call was made.
    await test.pass(200);
    expect(test.endpoint(2).state).toBe('ready');
    await test.pass(300);
    expect([test.endpoint(2).state, service.rotation.length]).toEqual(['unhealthy', 2]);
    test.servers[2]!.restart();
    await test.pass(300);
    expect([test.endpoint(2).state, service.rotation.length]).toEqual(['ready', 3]);
    expect(events).toEqual(['db2 connect ECONNREFUSED', 'db2 well']);
  });

  it('is unhealthy also where it never answered, and not by the word of a pool that is closed', async () => {
    const test = new FakeCluster(2, { probeIntervalMs: 200 });
    test.servers[1]!.kill();
    await test.pass(500);
    expect(test.endpoint(1).state).toBe('unhealthy');
    await test.cluster.close();
    expect(test.endpoint(1).state).toBe('ready');
  });

  it('is well where it only refuses the login: what is open there works on', async () => {
    const test = new FakeCluster(2, { probeIntervalMs: 200 });
    test.servers[1]!.refusal = Object.assign(new Error('denied'), { errno: 1045, code: 'ER_ACCESS_DENIED_ERROR' });
    await test.pass(1_000);
    expect(test.endpoint(1).state).toBe('ready');
  });
});

describe("several servers that accept writes, under onTwoPrimaries 'any'", () => {
  it('are written to at one, the same for all processes, and read from at the others', async () => {
    const test = new FakeCluster(3, { onTwoPrimaries: 'any', probeIntervalMs: 100 });
    for (const server of test.servers) server.readOnly = false;
    await test.pass(0);
    expect(test.cluster.status()).toMatchObject({ primary: 'db0', readsGoTo: ['db1', 'db2'] });
    // Measured like replicas: one that does not get what is written is not read from.
    for (const i of [0, 1]) test.servers[i]!.transactions = 9;
    await test.pass(15_000, 100);
    expect(test.cluster.status()).toMatchObject({ primary: 'db0', readsGoTo: ['db1'] });
    test.servers[0]!.kill();
    await test.pass(100);
    expect(test.cluster.status().primary).toBe('db1');
    test.servers[0]!.restart();
    await test.pass(200);
    expect(test.cluster.status().primary).toBe('db0');
  });

  it('are written to where discovery tags one', async () => {
    const test = new FakeCluster(2, { onTwoPrimaries: 'any' });
    for (const server of test.servers) server.readOnly = false;
    const [first, second] = test.inputs();
    test.resolver.update('db', [first!, { ...(second as object), tags: ['primary'] } as never]);
    await test.pass(1_000);
    expect(test.cluster.status()).toMatchObject({ primary: 'db1', readsGoTo: ['db0'] });
  });
});

describe('what a server is', () => {
  it('is a replica where innodb_read_only says so, as readers of Aurora do', async () => {
    const test = new FakeCluster(2);
    test.servers[1]!.readOnly = false;
    test.servers[1]!.innodbReadOnly = true;
    await test.pass(0);
    expect(test.cluster.status()).toMatchObject({ primary: 'db0', readsGoTo: ['db1'] });
  });

  it('is known of one that lacks a variable, as TiDB lacks positions', async () => {
    const test = new FakeCluster(2);
    for (const server of test.servers) server.unknownVariable = 'gtid_executed';
    await test.pass(2_000);
    expect(test.cluster.status()).toMatchObject({ primary: 'db0', readsGoTo: ['db1'] });
    expect(test.cluster.status().servers[1]).toMatchObject({ lagMs: Number.NaN, position: '', error: undefined });
    // Asked in vain once, not with every look.
    const asked = test.servers[0]!.statements.filter((sql) => sql.includes('gtid_executed'));
    expect(asked.length).toBe(1);
  });
});

describe('a pool that is refused for its policy', () => {
  it('looks at no server: nothing could stop it', async () => {
    const test = new FakeCluster(2);
    await test.pass(0);
    await test.cluster.close();
    const { length } = test.servers[0]!.connections;
    expect(() => test.another({ policy: 'nope' })).toThrow(/policy is "nope"/);
    expect(test.mesh.service('db').rotation).toHaveLength(2);
    await test.pass(2_000);
    expect(test.servers[0]!.connections).toHaveLength(length);
  });
});
