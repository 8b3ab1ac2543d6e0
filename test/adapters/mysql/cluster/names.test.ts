import { Outcome } from 'fairlead';
import { describe, expect, it } from 'vitest';
import { FakeCluster } from '../../../support/fake-cluster.js';
import { FakeMysql } from '../../../support/fake-mysql.js';

const LOOK = /@@global.read_only/;

/** A writable server whose connections are told apart from another one's. */
function serverNamed(identity: string): FakeMysql {
  const server = new FakeMysql(false);
  server.identity = identity;
  return server;
}

async function clusterAt(host: string): Promise<FakeCluster> {
  const test = new FakeCluster(1, { probeIntervalMs: 1_000 }, host);
  test.servers[0]!.identity = 'one';
  await test.pass(0);
  return test;
}

/** The server of the name is demoted, and lives on; the name leads to another one from then on. */
async function moved(test: FakeCluster): Promise<FakeMysql> {
  const next = serverNamed('two');
  test.servers[0]!.readOnly = true;
  test.move(0, next);
  await test.pass(2_100);
  return next;
}

async function checkout(test: FakeCluster): Promise<void> {
  test.checkout('primary');
  await test.pass(0);
}

describe('a name that follows the primary', () => {
  it('is written to where it leads, although the server before lives on', async () => {
    const test = await clusterAt('db.internal');
    await checkout(test);
    test.cluster.release(test.checkouts[0]!, Outcome.Success);
    const next = await moved(test);
    await checkout(test);
    expect(test.results).toEqual(['db0', 'db0']);
    expect(next.connections).toContain(test.checkouts[1]!.physical.connection);
    // Neither the one that looked nor the idle one is left.
    expect(test.servers[0]!.open).toBe(0);
  });

  it('leaves what is in use to its session, and gives it to no other', async () => {
    const test = await clusterAt('db.internal');
    await checkout(test);
    const next = await moved(test);
    expect(test.servers[0]!.open).toBe(1);
    test.cluster.release(test.checkouts[0]!, Outcome.Success);
    expect(test.servers[0]!.open).toBe(0);
    await checkout(test);
    expect(next.connections).toContain(test.checkouts[1]!.physical.connection);
  });

  it('is asked for anew at each look while nothing accepts writes, and otherwise not', async () => {
    const test = await clusterAt('db.internal');
    const [server] = test.servers;
    await test.pass(5_000);
    expect(server!.connections.length).toBe(1);
    server!.readOnly = true;
    await test.pass(4_000);
    const looks = server!.statements.filter((sql) => LOOK.test(sql)).length;
    // The look that found it demoted still went over the first one.
    expect([looks, server!.connections.length]).toEqual([10, 4]);
    expect(server!.open).toBe(1);
  });

  it('keeps its connections where it leads to the same server', async () => {
    const test = await clusterAt('db.internal');
    await checkout(test);
    test.cluster.release(test.checkouts[0]!, Outcome.Success);
    test.servers[0]!.readOnly = true;
    await test.pass(3_000);
    test.servers[0]!.readOnly = false;
    await test.pass(1_000);
    await checkout(test);
    expect(test.checkouts[1]!.physical).toBe(test.checkouts[0]!.physical);
  });

  it('may have moved where a write was refused: that connection serves no other session', async () => {
    const test = await clusterAt('db.internal');
    await checkout(test);
    test.cluster.demoted(test.checkouts[0]!);
    expect(test.checkouts[0]!.physical.retired).toBe(true);
  });
});

describe('an address', () => {
  it('is one server: it is looked at over one connection, and keeps those it has', async () => {
    const test = await clusterAt('127.0.0.1');
    await checkout(test);
    test.cluster.demoted(test.checkouts[0]!);
    expect(test.checkouts[0]!.physical.retired).toBe(false);
    await moved(test);
    expect(test.servers[0]!.connections.length).toBe(2);
    expect(test.cluster.status().primary).toBeUndefined();
  });
});
