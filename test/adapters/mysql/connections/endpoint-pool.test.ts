import { EventEmitter } from 'node:events';
import { ManualClock } from 'fairlead/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  type ConnectionWaiter,
  EndpointPool,
  type EndpointPoolOptions,
} from '../../../../adapters/mysql/connections/endpoint-pool.js';
import type { Physical } from '../../../../adapters/mysql/connections/physical.js';
import type { DriverConnection } from '../../../../adapters/mysql/driver/driver.js';

/**
 * As much of a mysql2 connection as a pool touches. It connects, or fails, when the test says so.
 */
class FakeConnection extends EventEmitter {
  readonly config: Record<string, unknown> = { password: 'secret' };
  ended = false;
  stream: { destroyed: boolean; destroy(error?: Error): void } = {
    destroyed: false,
    destroy: (error) => {
      this.stream.destroyed = true;
      // As mysql2 does, and does not where there is none.
      if (error !== undefined) this.emit('error', error);
    },
  };
  end(callback?: () => void): void {
    this.ended = true;
    callback?.();
  }
  destroy(): void {
    this.stream.destroyed = true;
  }
  changeUser(): void {}
}

const settings: EndpointPoolOptions = {
  connectionLimit: 3,
  maxIdle: 3,
  idleTimeoutMs: 1_000,
  maxLifetimeMs: 60_000,
  maxConnecting: 2,
  queueLimit: 0,
  waitForConnections: true,
};

let clock: ManualClock;
let opened: FakeConnection[];
let results: unknown[];

function create(options: Partial<EndpointPoolOptions> = {}): EndpointPool {
  return new EndpointPool(
    { ...settings, ...options },
    {
      clock,
      random: { float: () => 1, integer: () => 0 } as never,
      endpointId: 'db0',
      service: 'mysql',
      connectOptions: () => ({}),
      prepare: (_connection, done) => done(null),
      opened: () => {},
      enqueued: () => {},
      open: () => {
        const connection = new FakeConnection();
        opened.push(connection);
        return connection as unknown as DriverConnection;
      },
    },
  );
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const record = (error: unknown, physical?: Physical): void => {
  results.push(physical ?? (error as { code?: string }).code);
};

const waiter = (timeoutMs: number, connected: ConnectionWaiter['connected']): ConnectionWaiter => ({
  timeoutMs,
  deadlineMs: timeoutMs > 0 ? clock.now() + timeoutMs : Number.POSITIVE_INFINITY,
  connected,
});

/** Takes `count` connections, and lets what is opened connect. */
async function take(pool: EndpointPool, count: number): Promise<Physical[]> {
  const before = results.length;
  for (let i = 0; i < count; i++) pool.checkout(waiter(1_000, record));
  for (let connected = 0; results.length < before + count; connected++) {
    await turn();
    for (const connection of opened) if (connection.listenerCount('connect') > 0) connection.emit('connect');
    if (connected > 20) throw new Error('no connection came');
  }
  return results.slice(before) as Physical[];
}

beforeEach(() => {
  clock = new ManualClock();
  opened = [];
  results = [];
});

describe('the connections to one server', () => {
  it('are made for callers, no more at a time than maxConnecting', async () => {
    const pool = create();
    for (let i = 0; i < 3; i++) pool.checkout(waiter(0, record));
    await turn();
    expect(opened).toHaveLength(2);
    expect(pool.stats).toEqual({ idle: 0, busy: 0, connecting: 2, waiting: 3 });
  });

  it('are no more than the limit, and go to callers in the order they came', async () => {
    const pool = create();
    const [first, second] = await take(pool, 3);
    const order: number[] = [];
    pool.checkout(waiter(0, () => order.push(1)));
    pool.checkout(waiter(0, () => order.push(2)));
    await turn();
    expect(opened).toHaveLength(3);
    pool.release(first!);
    pool.release(second!);
    expect(order).toEqual([1, 2]);
  });

  it('are waited for no longer than the caller allows, each for its own time', async () => {
    const pool = create({ connectionLimit: 1 });
    const [held] = await take(pool, 1);
    results.length = 0;
    pool.checkout(waiter(500, record));
    pool.checkout(waiter(200, record));
    clock.advance(200);
    expect(results).toEqual(['FAIRLEAD_NO_CONNECTION']);
    expect(pool.stats.waiting).toBe(1);
    clock.advance(300);
    expect(results).toHaveLength(2);
    pool.release(held!);
    expect(pool.stats).toEqual({ idle: 1, busy: 0, connecting: 0, waiting: 0 });
  });

  it('are refused at once where nobody may wait, or too many do', async () => {
    const strict = create({ connectionLimit: 1, waitForConnections: false });
    await take(strict, 1);
    strict.checkout(waiter(0, (error) => expect(error).toMatchObject({ message: 'No connections available.' })));
    const queued = create({ connectionLimit: 1, queueLimit: 1 });
    await take(queued, 1);
    queued.checkout(waiter(0, record));
    queued.checkout(waiter(0, (error) => expect(error).toMatchObject({ message: 'Queue limit reached.' })));
    expect.assertions(2);
  });

  it('are closed when idle too long, and when too old', async () => {
    const pool = create({ maxLifetimeMs: 5_000 });
    const [one, two] = await take(pool, 2);
    pool.release(one!);
    clock.advance(999);
    expect(pool.stats.idle).toBe(1);
    clock.advance(1);
    expect(pool.stats.idle).toBe(0);
    clock.advance(4_000);
    pool.release(two!);
    expect(pool.stats).toEqual({ idle: 0, busy: 0, connecting: 0, waiting: 0 });
    expect(opened.every(({ ended }) => ended)).toBe(true);
  });

  it('are cut, not kept, once they are not usable, and replaced for those who wait', async () => {
    const pool = create({ connectionLimit: 1 });
    const [broken] = await take(pool, 1);
    pool.checkout(waiter(0, record));
    broken!.usable = false;
    pool.release(broken!);
    await turn();
    expect(opened[0]!.stream.destroyed).toBe(true);
    expect(opened).toHaveLength(2);
  });

  it('are waited for while the server is full and some of its connections are ours', async () => {
    const pool = create();
    const [held] = await take(pool, 1);
    results.length = 0;
    pool.checkout(waiter(0, record));
    await turn();
    opened.at(-1)!.emit('error', Object.assign(new Error('Too many connections'), { errno: 1040 }));
    expect(results).toEqual([]);
    pool.release(held!);
    expect(results).toEqual([held]);
  });

  it('are tried again after a rest that grows with each failure', async () => {
    const pool = create();
    const failOnce = async (): Promise<void> => {
      pool.checkout(waiter(0, record));
      await turn();
      opened.at(-1)!.emit('error', Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }));
    };
    await failOnce();
    // Half of 50 ms, as nothing is added at random here.
    clock.advance(24);
    pool.checkout(waiter(0, record));
    await turn();
    expect(opened).toHaveLength(1);
    clock.advance(1);
    await failOnce();
    expect(opened).toHaveLength(2);
    clock.advance(49);
    pool.checkout(waiter(0, record));
    await turn();
    expect(opened).toHaveLength(2);
    expect(results).toEqual(Array.from({ length: 4 }, () => 'ECONNREFUSED'));
    pool.resume();
    await take(pool, 1);
  });

  it('do not hold their places for ever while a server that hangs lets them wait', async () => {
    const pool = create();
    pool.checkout(waiter(0, record));
    pool.checkout(waiter(0, record));
    await turn();
    expect(pool.stats.connecting).toBe(2);
    // Nobody answers; the prober gives the server up.
    pool.cut();
    expect(pool.stats).toEqual({ idle: 0, busy: 0, connecting: 0, waiting: 0 });
    expect(results).toEqual(['ETIMEDOUT', 'ETIMEDOUT']);
    pool.resume();
    await take(pool, 1);
  });

  it('come back before the pool is closed, or are cut', async () => {
    const pool = create();
    const [one, two] = await take(pool, 2);
    let closed = false;
    const closing = pool.close().then(() => {
      closed = true;
    });
    pool.checkout(waiter(0, record));
    expect(results.at(-1)).toBe('FAIRLEAD_CLOSED');
    pool.release(one!);
    await turn();
    expect(closed).toBe(false);
    pool.abandon();
    await closing;
    expect(two!.usable).toBe(false);
  });
});
