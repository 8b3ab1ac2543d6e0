import { EventEmitter } from 'node:events';
import type { ManualClock } from 'fairlead/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { Checkout, type Taker } from '../../../../adapters/mysql/cluster/checkout.js';
import type { Cluster } from '../../../../adapters/mysql/cluster/cluster.js';
import { GtidPosition } from '../../../../adapters/mysql/cluster/gtid.js';
import { Replication } from '../../../../adapters/mysql/cluster/replication.js';
import type { EndpointPool } from '../../../../adapters/mysql/connections/endpoint-pool.js';
import { AUTOCOMMIT } from '../../../../adapters/mysql/connections/inbound.js';
import type { Physical } from '../../../../adapters/mysql/connections/physical.js';
import type { QueryCommand } from '../../../../adapters/mysql/driver/driver.js';
import { Freshness } from '../../../../adapters/mysql/session/freshness.js';
import type { Attempt, Operation } from '../../../../adapters/mysql/session/operation.js';
import { Repeats } from '../../../../adapters/mysql/session/repeats.js';
import { Runner, type RunnerContext } from '../../../../adapters/mysql/session/statement-session.js';
import { StreamedOperation } from '../../../../adapters/mysql/session/streamed-operation.js';
import { ConsistencySession } from '../../../../adapters/mysql/session/write-history.js';
import { classify } from '../../../../adapters/mysql/statement/classify.js';
import type { Endpoint, Outcome, Service } from '../../../../src/index.js';
import { endpoints, testMesh } from '../../../support/mesh.js';

const POSITION = '3e11fa47-71ca-11e1-9e33-c80aa9429562:1-23';
const LOST = Object.assign(new Error('Connection lost'), { code: 'PROTOCOL_CONNECTION_LOST', fatal: true });
const DUPLICATE = Object.assign(new Error('Duplicate entry'), { code: 'ER_DUP_ENTRY', errno: 1062 });

let clock: ManualClock;
let service: Service;
let replication: Replication;
let session: ConsistencySession;
/** Given back, with whether they were usable. */
let released: string[];
let sent: { readonly sql: string; readonly at: string; readonly attempt: Attempt }[];
let told: unknown[];
let context: RunnerContext;

const primary = (): Endpoint => service.endpoints[0]!;
const inflight = (): number => service.endpoints.reduce((sum, each) => sum + each.inflight, 0);

/** What a look at each server tells: e0 is the primary, and e1 has all it wrote. */
function probe(): void {
  service.endpoints.forEach((endpoint, i) => {
    const position = GtidPosition.parse(POSITION);
    replication.probed(
      endpoint,
      {
        readOnly: i > 0,
        flavor: 'mysql',
        position,
        positionText: POSITION,
        identity: '',
        reconnected: false,
        atMs: clock.now(),
      },
      clock.now(),
    );
  });
}

function operation(sql: string, repeatable = true): Operation {
  return {
    statement: classify(sql, { primaryFunctions: new Set() }),
    repeatable,
    call: undefined,
    send: ({ endpoint }, attempt) => sent.push({ sql, at: endpoint.spec.id, attempt }),
    settle: (error, result) => told.push(error ? (error as Error) : result),
  };
}

/** Where the statement that was sent last ran. */
const at = (): string | undefined => sent.at(-1)?.at;
const end = (error: unknown, result?: unknown): void => sent.at(-1)!.attempt.ended(error, result);

function once(sql: string): void {
  const runner = new Runner(context);
  runner.run(operation(sql));
  runner.release();
}

beforeEach(() => {
  const test = testMesh({ db: endpoints(2) });
  clock = test.clock;
  service = test.mesh.service('db');
  replication = new Replication();
  session = new ConsistencySession(false, clock.now());
  released = [];
  sent = [];
  told = [];
  const take = (endpoint: Endpoint, taker: Taker): void => {
    const physical = {
      usable: true,
      retired: false,
      connection: new EventEmitter(),
      inbound: { flags: AUTOCOMMIT, usual: AUTOCOMMIT },
      autocommits: true,
    } as unknown as Physical;
    const lease = service.acquire({ prefer: endpoint.spec.id });
    taker.took(null, new Checkout(endpoint, physical, {} as EndpointPool, lease));
  };
  const cluster = {
    clock,
    replication,
    get primary() {
      return service.endpoints[0];
    },
    get replicas() {
      return service.endpoints.slice(1);
    },
    isPrimary: (endpoint: Endpoint) => endpoint === primary(),
    leaseOn: (endpoint: Endpoint) => service.acquire({ prefer: endpoint.spec.id }),
    demoted: () => {},
    lookSoon: () => {},
    checkout: (route: string, tried: readonly Endpoint[], taker: Taker) =>
      take(route === 'primary' || tried.length > 0 ? primary() : service.endpoints[1]!, taker),
    release: (checkout: Checkout, outcome: Outcome) => {
      checkout.lease.done(outcome);
      released.push(`${checkout.endpoint.spec.id} ${checkout.physical.usable ? 'usable' : 'cut'}`);
    },
  } as unknown as Cluster;
  context = {
    cluster,
    freshness: new Freshness(cluster, 100),
    retryReads: true,
    repeats: new Repeats(clock),
    consistency: 'session',
    resetOnRelease: false,
    cleanWithinMs: 10_000,
    keepsInsertId: true,
    scope: () => undefined,
    forThread: () => undefined,
    session,
    clean: (_checkout, done) => done(true, true),
  };
  probe();
});

describe('reads that fail wherever they are sent', () => {
  it('are repeated within a budget: a fifth of the statements, and ten a second', () => {
    const calls = 2_000;
    for (let call = 0; call < calls; call++) {
      const done = told.length;
      once('SELECT 1');
      while (told.length === done) end(LOST);
      clock.advance(4);
    }
    // All of it within one window of ten seconds.
    expect(sent.length).toBeLessThanOrEqual(calls + 0.2 * calls + 100);
    expect(sent.length).toBeGreaterThan(calls + 0.15 * calls + 100);
    expect(told).toHaveLength(calls);
    // A quarter of a minute later one may be repeated again.
    clock.advance(15_000);
    const before = sent.length;
    once('SELECT 1');
    end(LOST);
    end(null, []);
    expect(sent.length).toBe(before + 2);
  });
});

describe('a write that failed', () => {
  it.each([
    ['lost its connection', 'INSERT INTO t VALUES (1)', LOST],
    ['met what another wrote', 'INSERT INTO t VALUES (1)', DUPLICATE],
    ['lost its connection in its commit', 'COMMIT', LOST],
  ])('and %s sends reads to the primary, until that was looked at once more', (_what, sql, error) => {
    once(sql);
    end(error);
    clock.advance(10);
    once('SELECT 1');
    expect(at()).toBe('e0');
    end(null, [{ 1: 1 }]);
    probe();
    once('SELECT 1');
    expect(at()).toBe('e1');
  });

  it('is not sent again where it may have happened, and says so', () => {
    once('INSERT INTO t VALUES (1)');
    end(Object.assign(new Error('Connection lost'), { code: 'PROTOCOL_CONNECTION_LOST', fatal: true }));
    expect(sent).toHaveLength(1);
    expect(told).toEqual([expect.objectContaining({ ambiguous: true })]);
    expect(released).toEqual(['e0 cut']);
    expect(inflight()).toBe(0);
  });

  it('is sent again where it was provably not executed, and owes nothing', () => {
    once('INSERT INTO t VALUES (1)');
    end(Object.assign(new Error('Can’t add new command when connection is in closed state')));
    expect(sent).toHaveLength(2);
    expect(session.untoldWriteAtMs).toBe(Number.NEGATIVE_INFINITY);
    expect(told).toEqual([]);
  });

  it('is not sent again within a transaction, whose session is lost then', async () => {
    const runner = new Runner(context);
    runner.run(operation('BEGIN'));
    end(null, { affectedRows: 0, insertId: 0, serverStatus: 3, warningStatus: 0 });
    runner.run(operation('INSERT INTO t VALUES (1)'));
    end(Object.assign(new Error('Can’t add new command when connection is in closed state')));
    runner.run(operation('INSERT INTO t VALUES (2)'));
    await new Promise((resolve) => process.nextTick(resolve));
    expect(sent).toHaveLength(2);
    expect(told.slice(1)).toEqual([expect.any(Error), runner.lost]);
    // mysql2's error has no code, by which callers know what happened.
    expect(told[1]).toMatchObject({ code: 'PROTOCOL_CONNECTION_LOST' });
  });
});

describe('what asks about the last statement', () => {
  const closed = (): Error => new Error('Can’t add new command when connection is in closed state');
  const INSERTED = { affectedRows: 1, insertId: 7, serverStatus: 2, warningStatus: 0 };
  const settled = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));

  it('runs on no other connection, where it would answer something else', async () => {
    const runner = new Runner(context);
    runner.run(operation('INSERT INTO t VALUES (1)'));
    end(null, INSERTED);
    runner.run(operation('SELECT LAST_INSERT_ID()'));
    end(closed());
    expect(sent).toHaveLength(2);
    runner.run(operation('SELECT LAST_INSERT_ID()'));
    await settled();
    expect(sent).toHaveLength(2);
    expect(told.slice(1)).toEqual(Array(2).fill(expect.objectContaining({ code: 'PROTOCOL_CONNECTION_LOST' })));
  });

  it('fails where a read in between has lost the connection, until there is another insert', async () => {
    const runner = new Runner(context);
    runner.run(operation('INSERT INTO t VALUES (1)'));
    end(null, INSERTED);
    runner.run(operation('SELECT v FROM t'));
    end(closed());
    end(null, []);
    runner.run(operation('SELECT LAST_INSERT_ID()'));
    await settled();
    expect(sent).toHaveLength(3);
    expect(told.at(-1)).toMatchObject({ code: 'PROTOCOL_CONNECTION_LOST' });
    runner.run(operation('INSERT INTO t VALUES (1)'));
    end(null, INSERTED);
    runner.run(operation('SELECT LAST_INSERT_ID()'));
    end(null, [{ id: 7 }]);
    expect(told.at(-1)).toEqual([{ id: 7 }]);
  });

  it('is sent again where nothing of its session was there yet', () => {
    once('SELECT LAST_INSERT_ID()');
    end(closed());
    end(null, [{ id: 0 }]);
    expect(told).toEqual([[{ id: 0 }]]);
  });
});

describe('a read that failed', () => {
  it('is sent to another server, and gives the broken connection back once', () => {
    once('SELECT 1');
    end(LOST);
    expect(sent.map((each) => each.at)).toEqual(['e1', 'e0']);
    end(null, []);
    end(null, ['again']);
    expect([told, released, inflight()]).toEqual([[[]], ['e1 cut', 'e0 usable'], 0]);
  });
});

describe('a session that is destroyed', () => {
  it('fails what runs and what is queued, and leaves no lease behind though the driver tells nothing', async () => {
    const runner = new Runner(context);
    runner.run(operation('BEGIN'));
    end(null, { affectedRows: 0, insertId: 0, serverStatus: 3, warningStatus: 0 });
    // A further call on the same connection: a lease of its own.
    runner.run(operation('SELECT SLEEP(9)'));
    runner.run(operation('SELECT 2'));
    expect(inflight()).toBe(1);
    runner.destroy();
    await new Promise((resolve) => process.nextTick(resolve));
    expect(told.slice(1)).toEqual([runner.lost, runner.lost]);
    expect([released, inflight()]).toEqual([['e0 cut'], 0]);
    // What the driver says later counts no more.
    end(null, []);
    expect(told).toHaveLength(3);
  });
});

describe('a connection that comes for an attempt that is over', () => {
  it('is given back', () => {
    let first: Taker | undefined;
    const { cluster } = context;
    const checkout: Cluster['checkout'] = (route, tried, taker) => {
      first ??= taker;
      cluster.checkout(route, tried, taker);
    };
    const watched = Object.assign(Object.create(cluster) as Cluster, { checkout });
    new Runner({ ...context, cluster: watched }).run(operation('INSERT INTO t VALUES (1)'));
    end(null, { affectedRows: 1, insertId: 0, serverStatus: 2, warningStatus: 0 });
    const before = inflight();
    // What looked for a connection on its behalf reports once more.
    cluster.checkout('primary', [], first!);
    expect([inflight(), released]).toEqual([before, ['e0 usable']]);
  });
});

describe('a long queue of a session', () => {
  const many = 15_000;

  it('fails as a whole when the state is lost', async () => {
    const runner = new Runner(context);
    runner.run(operation('BEGIN'));
    end(null, { affectedRows: 0, insertId: 0, serverStatus: 3, warningStatus: 0 });
    for (let i = 0; i < many; i++) runner.run(operation('INSERT INTO t VALUES (1)'));
    end(LOST);
    await new Promise((resolve) => setImmediate(resolve));
    expect([sent.length, told.length, told.at(-1)]).toEqual([2, many + 1, runner.lost]);
  });

  it('fails as a whole where no connection is to be had, and runs in its order where one is', async () => {
    const runner = new Runner({
      ...context,
      cluster: { checkout: (_route: string, _tried: unknown, taker: Taker) => taker.took(LOST) } as never,
    });
    const waiting = operation('INSERT INTO t VALUES (1)');
    for (let i = 0; i < many; i++) runner.run(waiting);
    await new Promise((resolve) => setImmediate(resolve));
    expect(told).toHaveLength(many);
    const well = new Runner(context);
    for (let i = 0; i < 3; i++) well.run(operation(`INSERT INTO t VALUES (${i})`));
    well.release();
    for (let i = 0; i < 3; i++) end(null, []);
    expect(sent.map(({ sql }) => sql)).toEqual([0, 1, 2].map((i) => `INSERT INTO t VALUES (${i})`));
    expect(released).toEqual(['e0 usable']);
  });
});

describe('a caller’s callback that throws', () => {
  it('does not keep the next statement from running', async () => {
    const thrown: unknown[] = [];
    const before = process.rawListeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.once('uncaughtException', (error) => thrown.push(error));
    try {
      const runner = new Runner(context);
      runner.run({
        ...operation('SELECT 1'),
        settle: () => {
          throw new Error('mine');
        },
      });
      runner.run(operation('SELECT 2'));
      end(null, []);
      expect(sent.map(({ sql }) => sql)).toEqual(['SELECT 1', 'SELECT 2']);
      await new Promise((resolve) => setImmediate(resolve));
      expect(thrown).toEqual([expect.objectContaining({ message: 'mine' })]);
    } finally {
      for (const listener of before) process.on('uncaughtException', listener as NodeJS.UncaughtExceptionListener);
    }
  });
});

describe('a stream of what a write gives', () => {
  const packet = { affectedRows: 1, insertId: 0, serverStatus: 2, warningStatus: 0 };
  const told1 = { ...packet, stateChanges: { gtids: ['3e11fa47-71ca-11e1-9e33-c80aa9429562:24'] } };

  function stream(sql: string, results: readonly unknown[]): void {
    const command = new EventEmitter() as QueryCommand;
    const statement = classify(sql, { primaryFunctions: new Set() });
    const runner = new Runner(context);
    runner.run(new StreamedOperation(statement, undefined, command, () => command));
    runner.release();
    for (const result of results) command.emit('result', result, 0);
    command.emit('end');
  }

  it('sends reads to the primary after RETURNING, whose rows tell no position', () => {
    stream('INSERT INTO t VALUES (1) RETURNING id', [{ id: 1 }, { id: 2 }]);
    expect(session.untoldWriteAtMs).toBe(clock.now());
    expect([released, inflight()]).toEqual([['e0 usable'], 0]);
  });

  it('owes the position of a write that is the first of several statements', () => {
    stream("INSERT INTO t VALUES (1); SET @a = 'b'", [told1, { ...packet, affectedRows: 0 }]);
    expect(session.token.toString()).toContain('24');
    expect(session.untoldWriteAtMs).toBe(Number.NEGATIVE_INFINITY);
  });

  it('owes nothing after rows of a read', () => {
    stream('SELECT 1', [{ 1: 1 }]);
    expect(session.token.empty).toBe(true);
    expect(session.untoldWriteAtMs).toBe(Number.NEGATIVE_INFINITY);
  });
});
