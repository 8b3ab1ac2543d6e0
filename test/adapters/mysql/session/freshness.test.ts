import { Outcome } from 'fairlead';
import { CallerContext } from 'fairlead/adapter';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Checkout } from '../../../../adapters/mysql/cluster/checkout.js';
import { Freshness } from '../../../../adapters/mysql/session/freshness.js';
import { ConsistencySession } from '../../../../adapters/mysql/session/write-history.js';
import { FakeCluster } from '../../../support/fake-cluster.js';
import { FakeMysql } from '../../../support/fake-mysql.js';

const SOURCE = '3e11fa47-71ca-11e1-9e33-c80aa9429562';

let test: FakeCluster;
let freshness: Freshness;
let session: ConsistencySession;

/** Where the session's next read goes; it is made there. */
async function read(): Promise<string | undefined> {
  let at: string | undefined;
  const took = (_error: unknown, checkout?: Checkout): void => {
    if (checkout === undefined) return;
    at = checkout.endpoint.spec.id;
    freshness.hasRead(session, checkout.endpoint);
    test.cluster.release(checkout, Outcome.Success);
  };
  freshness.checkoutFresh(session, 'session', [], { caller: new CallerContext(), took });
  await test.pass(0);
  return at;
}

beforeEach(async () => {
  test = new FakeCluster(3, { probeIntervalMs: 1_000 });
  freshness = new Freshness(test.cluster, 100);
  session = new ConsistencySession(true, test.clock.now());
  await test.pass(10);
});

/** A server that has whatever it is asked to wait for. */
function caughtUp(server: FakeMysql, identity: string): FakeMysql {
  const answer = server.answer.bind(server);
  server.identity = identity;
  server.answer = (sql) => (sql.includes('WAIT_FOR') ? [{ late: 0 }] : answer(sql));
  return server;
}

it('what a server was seen to have is not what the one has that its name leads to later', async () => {
  test = new FakeCluster(2, { probeIntervalMs: 1_000 }, 'db.internal');
  freshness = new Freshness(test.cluster, 100);
  const before = caughtUp(test.servers[1]!, 'one');
  await test.pass(10);
  // Its latest look shows less than was written; asked, it has that.
  session = new ConsistencySession(false, test.clock.now());
  session.token.add(`${SOURCE}:1-3`);
  const asked = (server: FakeMysql): number => server.statements.filter((sql) => /WAIT_FOR/.test(sql)).length;
  for (let i = 0; i < 3; i++) expect(await read()).toBe('db1');
  expect(asked(before)).toBe(1);
  const later = caughtUp(new FakeMysql(true), 'two');
  test.move(1, later);
  before.kill();
  await test.pass(1_100);
  expect([await read(), asked(later)]).toEqual(['db1', 1]);
});

it('a session that read where a name led does not believe the server that it leads to later', async () => {
  test = new FakeCluster(2, { probeIntervalMs: 1_000 }, 'db.internal');
  freshness = new Freshness(test.cluster, 100);
  const [primary, before] = test.servers as [FakeMysql, FakeMysql];
  primary.transactions = before.transactions = 50;
  before.identity = 'one';
  await test.pass(10);
  session = new ConsistencySession(true, test.clock.now());
  expect(await read()).toBe('db1');
  const later = caughtUp(new FakeMysql(true), 'two');
  test.move(1, later);
  before.kill();
  await test.pass(1_100);
  // What the primary has, which covers what was read, and not what the other server lacks.
  expect(freshness.export(session)).toEqual({ positions: `${SOURCE}:1-50`, pending: 'nothing' });
});

describe('a session that read from a replica', () => {
  it('stays there until a look shows what it can have seen, and then goes to whoever has that', async () => {
    const first = await read();
    const other = first === 'db1' ? 2 : 1;
    for (let i = 0; i < 10; i++) expect(await read()).toBe(first);
    // The other one does not get what comes now.
    for (const i of [0, 3 - other]) test.servers[i]!.transactions = 50;
    expect(freshness.export(session)).toEqual({ positions: '', pending: { replica: first } });
    await test.pass(1_000);
    expect(freshness.export(session)).toEqual({ positions: `${SOURCE}:1-50`, pending: 'nothing' });
    expect(await read()).toBe(first);
    test.servers[other]!.transactions = 50;
    await test.pass(2_000);
    const places = new Set<unknown>();
    for (let i = 0; i < 20; i++) {
      places.add(await read());
      await test.pass(1_000, 500);
    }
    expect(places).toEqual(new Set(['db1', 'db2']));
  });

  it('goes to the primary where its replica is gone, until a look shows where that is', async () => {
    const first = await read();
    const gone = first === 'db1' ? 1 : 2;
    test.resolver.update('db', test.inputs(0, 3 - gone));
    await test.pass(0);
    expect(await read()).toBe('db0');
    // Within 50 ms, though nothing is due for most of a second.
    await test.pass(60, 10);
    expect(await read()).toBe(`db${3 - gone}`);
  });

  it('is not bound to what only that replica has', async () => {
    const first = await read();
    const errant = test.servers[first === 'db1' ? 1 : 2]!;
    errant.further = ',99999999-71ca-11e1-9e33-c80aa9429562:1-5';
    await test.pass(1_000);
    expect(freshness.export(session)).toEqual({ positions: `${SOURCE}:1-1`, pending: 'nothing' });
  });

  it('is known on connections of its own as well', async () => {
    const first = await read();
    const [here, there] = first === 'db1' ? [1, 2] : [2, 1];
    expect(freshness.isFresh(test.endpoint(here), session, 'session')).toBe(true);
    expect(freshness.isFresh(test.endpoint(there), session, 'session')).toBe(false);
    expect(freshness.isFresh(test.endpoint(there), session, 'eventual')).toBe(true);
  });
});

describe('a session that goes on from elsewhere', () => {
  it('reads where it read, and on the primary where that replica is not known here', async () => {
    freshness.import(session, { positions: '', pending: { replica: 'db2' } });
    for (let i = 0; i < 5; i++) expect(await read()).toBe('db2');
    const other = new ConsistencySession(true, test.clock.now());
    freshness.import(other, { positions: '', pending: { replica: 'unknown' } });
    session = other;
    expect(await read()).toBe('db0');
  });

  it('has its positions, and begins on the primary where these are not all', async () => {
    freshness.import(session, { positions: `${SOURCE}:1-7`, pending: 'nothing' });
    for (const i of [0, 2]) test.servers[i]!.transactions = 7;
    await test.pass(1_000);
    expect(await read()).toBe('db2');
    const other = new ConsistencySession(true, test.clock.now());
    freshness.import(other, { positions: '', pending: 'primary' });
    session = other;
    expect(await read()).toBe('db0');
  });
});
