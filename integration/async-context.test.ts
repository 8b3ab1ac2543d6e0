import { AsyncLocalStorage } from 'node:async_hooks';
import { createClient } from '@connectrpc/connect';
import {
  credentials,
  type Client as GrpcClient,
  type InterceptingCall,
  type InterceptorOptions,
  Metadata,
  type NextCall,
} from '@grpc/grpc-js';
import { createMesh, staticResolver, withRoutingKey } from 'fairlead';
import { createFairleadTransport } from 'fairlead/connect';
import { createPool } from 'fairlead/mysql';
import type { PoolConnection } from 'mysql2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Echo, startEchoServers } from './connect/support.js';
import { startServers, until } from './grpc/support.js';
import { EchoMesh } from './grpc/support-mesh.js';
import { type Mysql, SQL_USERS, type SqlTopology, startMysql } from './harness/index.js';
import { redisOver, startServers as startRedisServers } from './redis/support.js';

/**
 * Every callback, event and continuation runs in the async context of the call it belongs to:
 * traces and tenants of callers that share connections, queues and pauses must not be mixed.
 */
const caller = new AsyncLocalStorage<number>();

type Note = (what: string) => void;

/** Runs `act` for many callers at once, each in a context of its own; tells what ran elsewhere. */
async function strays(callers: number, act: (note: Note, caller: number) => Promise<unknown>): Promise<string[]> {
  const found = new Set<string>();
  const noted = new Set<string>();
  await Promise.all(
    Array.from({ length: callers }, (_, i) =>
      caller.run(i, async () => {
        const note: Note = (what) => {
          noted.add(what);
          const where = caller.getStore();
          if (where !== i) found.add(`${what} ran ${where === undefined ? 'in no context' : 'in that of another'}`);
        };
        await act(note, i);
      }),
    ),
  );
  expect(noted.size).toBeGreaterThan(0);
  return [...found].sort();
}

/** A callback that notes where it runs, and goes on with its error or its result. */
const then =
  (note: Note, what: string, resolve: (value: never) => void) =>
  (...args: unknown[]): void => {
    note(what);
    resolve((args[0] ?? args[1]) as never);
  };

const CALLERS = 20;

const RETRIED = {
  name: [{}],
  retryPolicy: {
    maxAttempts: 5,
    initialBackoff: '0.01s',
    maxBackoff: '0.01s',
    backoffMultiplier: 1,
    retryableStatusCodes: ['UNAVAILABLE'],
  },
} as const;

describe('service.call', () => {
  it('runs in the context of its caller, also after it waited, was repeated or hedged', async () => {
    const mesh = createMesh({
      resolver: staticResolver({ s: ['127.0.0.1:1', '127.0.0.1:2'] }),
      defaults: {
        resilience: {
          limits: { maxInflightPerEndpoint: 1, maxPending: 1_000 },
          retry: { maxAttempts: 3, budget: { ratio: 10, minPerSecond: 1_000 } },
        },
      },
    });
    const service = mesh.service('s');
    expect(
      await strays(CALLERS, async (note) => {
        let attempts = 0;
        await service.call(
          async () => {
            note('run');
            await new Promise((resolve) => setTimeout(resolve, 1));
            if (++attempts === 1) throw Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
          },
          { idempotent: true } as never,
        );
        note('after call');
      }),
    ).toEqual([]);
    await mesh.close();
  });
});

describe('gRPC', () => {
  it('calls back in the context of the call', async () => {
    const servers = await startServers(2, { streams: 3 });
    const mesh = new EchoMesh(servers, { policy: 'round_robin' });
    const client = mesh.connect('fairlead:///echo');
    const write = (value: object): Buffer => Buffer.from(JSON.stringify(value));
    const read = (bytes: Buffer): object => JSON.parse(bytes.toString());
    const raw = client as GrpcClient;
    try {
      for (const round of ['first', 'warm']) {
        expect(
          await strays(CALLERS, async (note) => {
            const interceptor = (options: InterceptorOptions, next: NextCall): InterceptingCall => {
              note(`${round}: interceptor`);
              return next(options) as InterceptingCall;
            };
            await new Promise<void>((resolve) => {
              const call = raw.makeUnaryRequest(
                '/test.Echo/Unary',
                write,
                read,
                {},
                new Metadata(),
                { deadline: Date.now() + 20_000, interceptors: [interceptor] },
                () => {
                  note(`${round}: unary callback`);
                  resolve();
                },
              );
              call.on('metadata', () => note(`${round}: unary metadata`));
              call.on('status', () => note(`${round}: unary status`));
            });
            await new Promise<void>((resolve) => {
              const stream = raw.makeServerStreamRequest(
                '/test.Echo/Server',
                write,
                read,
                { count: 3 },
                new Metadata(),
              );
              stream.on('data', () => note(`${round}: server stream data`));
              stream.on('status', () => note(`${round}: server stream status`));
              stream.on('end', () => {
                note(`${round}: server stream end`);
                resolve();
              });
            });
            await new Promise<void>((resolve) => {
              const stream = raw.makeClientStreamRequest('/test.Echo/Client', write, read, new Metadata(), () => {
                note(`${round}: client stream callback`);
                resolve();
              });
              stream.end(write({}) && {});
            });
            await new Promise<void>((resolve) => {
              const stream = raw.makeBidiStreamRequest('/test.Echo/Bidi', write, read, new Metadata());
              stream.on('data', () => note(`${round}: bidi data`));
              stream.on('end', () => {
                note(`${round}: bidi end`);
                resolve();
              });
              stream.write({});
              stream.end();
            });
          }),
        ).toEqual([]);
      }
    } finally {
      await mesh.close();
      await Promise.all(servers.map((server) => server.stop()));
    }
  });
});

describe('gRPC, an answer that is held until its status', () => {
  it('is handed on in the context of its call', async () => {
    const servers = await startServers(1);
    const serviceConfig = { methodConfig: [{ name: [{}], idempotent: true, unary: true }] };
    const mesh = new EchoMesh(servers, {}, { defaults: { serviceConfig } });
    const client = mesh.connect('fairlead:///echo');
    const bytes = (value: object): Buffer => Buffer.from(JSON.stringify(value));
    try {
      await caller.run(-1, () => client.unary());
      const called = (note: Note): Promise<void> =>
        new Promise((resolve) => {
          const done = then(note, 'unary callback', resolve);
          const options = { deadline: Date.now() + 20_000 };
          const call = client.makeUnaryRequest('/test.Echo/Unary', bytes, String, {}, new Metadata(), options, done);
          call.on('metadata', () => note('unary metadata'));
        });
      expect(await strays(CALLERS, called)).toEqual([]);
    } finally {
      await mesh.close();
      await Promise.all(servers.map((server) => server.stop()));
    }
  });
});

describe('gRPC, before there is a connection', () => {
  it('asks for credentials and keys, and calls back, in the context of calls that waited', async () => {
    const servers = await startServers(2);
    const mesh = new EchoMesh([], { policy: 'round_robin', affinity: true });
    const client = mesh.connect('fairlead:///echo');
    try {
      const waited = strays(CALLERS, async (note, i) => {
        const token = credentials.createFromMetadataGenerator((_, done) => {
          note('credentials');
          done(null, new Metadata());
        });
        const calls = Array.from({ length: 3 }, () =>
          withRoutingKey(`user-${i}`, () => client.unary({}, new Metadata(), { credentials: token })),
        );
        const answers = await Promise.all(calls);
        note('answer');
        // Each in the context of its own key: they are not spread.
        if (new Set(answers.map(({ id }) => id)).size > 1) note(`the session of ${i} was lost, which`);
        await client.unary({}, new Metadata(), { credentials: token });
      });
      const lost = strays(CALLERS, async (note) => {
        const metadata = new Metadata({ waitForReady: true });
        const token = credentials.createFromMetadataGenerator((_, done) => {
          note('credentials of a call that waits for ready');
          done(null, new Metadata());
        });
        await client.unary({}, metadata, { credentials: token });
        note('its answer');
      });
      // All of them wait by now: discovery answers.
      await new Promise((resolve) => setImmediate(resolve));
      mesh.list(servers);
      expect(await waited).toEqual([]);
      expect(await lost).toEqual([]);
    } finally {
      await mesh.close();
      await Promise.all(servers.map((server) => server.stop()));
    }
  });

  it('repeats in the context of calls whose servers were away', async () => {
    const servers = await startServers(2, { delayMs: 200 });
    const mesh = new EchoMesh(
      servers,
      { policy: 'round_robin' },
      { defaults: { serviceConfig: { methodConfig: [RETRIED] } } },
    );
    const client = mesh.connect('fairlead:///echo', { 'grpc.initial_reconnect_backoff_ms': 100 });
    try {
      await client.unary();
      const answered = strays(CALLERS, async (note) => {
        const token = credentials.createFromMetadataGenerator((_, done) => {
          note('credentials');
          done(null, new Metadata());
        });
        await client.unary({}, new Metadata({ waitForReady: true }), { credentials: token });
        note('answer');
      });
      await until(() => mesh.inflight === CALLERS, 'calls are under way');
      await Promise.all(servers.map((server) => server.stop()));
      await until(() => mesh.inflight === 0, 'calls have lost their servers');
      await Promise.all(servers.map((server) => server.start()));
      expect(await answered).toEqual([]);
    } finally {
      await mesh.close();
      await Promise.all(servers.map((server) => server.stop()));
    }
  });
});

describe('connect', () => {
  it('continues in the context of the call', async () => {
    const servers = await startEchoServers('a', 'b');
    const mesh = createMesh({
      resolver: staticResolver({ echo: servers.map(({ endpoint }) => endpoint) }),
      services: { echo: { resilience: { limits: { maxInflightPerEndpoint: 2, maxPending: 1_000 } } } },
    });
    const transport = createFairleadTransport(mesh, { service: 'echo' });
    const client = createClient(Echo, transport);
    try {
      for (const round of ['first', 'warm']) {
        expect(
          await strays(CALLERS, async (note) => {
            await client.read(
              { value: 'x' },
              { onHeader: () => note(`${round}: onHeader`), onTrailer: () => note(`${round}: onTrailer`) },
            );
            for await (const _ of client.count(
              { value: '3' },
              {
                onHeader: () => note(`${round}: stream onHeader`),
                onTrailer: () => note(`${round}: stream onTrailer`),
              },
            )) {
              note(`${round}: message`);
            }
          }),
        ).toEqual([]);
      }
    } finally {
      transport.close();
      await mesh.close({ deadlineMs: 100 });
      await Promise.all(servers.map((server) => server.kill()));
    }
  });
});

describe('Redis', () => {
  it('calls back in the context of the command', async () => {
    await using cluster = await startRedisServers();
    await using client = redisOver(cluster.servers);
    const { redis } = client;
    for (const round of ['first', 'warm']) {
      expect(
        await strays(CALLERS, async (note, i) => {
          await new Promise<void>((resolve) => redis.set(`k${i}`, 'v', then(note, `${round}: callback`, resolve)));
          await new Promise<void>((resolve) =>
            redis.mget(['k1', 'k2', 'k3'], then(note, `${round}: callback of a split command`, resolve)),
          );
          await new Promise<void>((resolve) =>
            redis
              .pipeline()
              .get('k1', () => note(`${round}: callback in a pipeline`))
              .get('k2')
              .exec(then(note, `${round}: callback of a pipeline`, resolve)),
          );
          await new Promise<void>((resolve) =>
            redis
              .multi()
              .get(`k${i}`)
              .exec(then(note, `${round}: callback of a transaction`, resolve)),
          );
          await new Promise<void>((resolve) => {
            const stream = redis.scanStream({ match: `k${i}` });
            stream.on('data', () => note(`${round}: scan data`));
            stream.on('end', then(note, `${round}: scan end`, resolve));
          });
          await redis.get(`k${i}`).then(() => note(`${round}: promise`));
        }),
      ).toEqual([]);
    }
  });
});

describe('MySQL', () => {
  let topology: SqlTopology<Mysql>;
  beforeAll(async () => {
    topology = await startMysql({ replicas: 1 });
  });
  afterAll(() => topology?.[Symbol.asyncDispose]());

  const over = (): ReturnType<typeof createPool> & AsyncDisposable => {
    const endpoints = topology.servers.map(({ host, port }, i) => ({ id: `db${i}`, host, port }));
    const mesh = createMesh({ resolver: staticResolver({ mysql: endpoints }) });
    const pool = createPool(mesh, {
      service: 'mysql',
      ...SQL_USERS.app,
      database: topology.database,
      connectionLimit: 3,
    });
    return Object.assign(pool, {
      [Symbol.asyncDispose]: async () => {
        await new Promise<void>((resolve) => pool.end(() => resolve()));
        await mesh.close();
      },
    });
  };

  it('calls back in the context of the statement: the callback pool', async () => {
    await using pool = over();
    for (const round of ['first', 'warm']) {
      expect(
        await strays(CALLERS, async (note, i) => {
          const typeCast = (_: unknown, next: () => unknown): unknown => {
            note(`${round}: typeCast`);
            return next();
          };
          await new Promise((resolve) =>
            pool.query({ sql: 'SELECT 1 AS a', typeCast } as never, then(note, `${round}: read`, resolve)),
          );
          await new Promise((resolve) =>
            pool.query("INSERT INTO t (v) VALUES ('x')", then(note, `${round}: write`, resolve)),
          );
          await new Promise((resolve) =>
            pool.query('SELECT * FROM t LIMIT 1', then(note, `${round}: read after a write`, resolve)),
          );
          await new Promise((resolve) => pool.execute('SELECT ? AS a', [i], then(note, `${round}: execute`, resolve)));
          await new Promise((resolve) => pool.query('SELEC', then(note, `${round}: error`, resolve)));
          await new Promise<void>((resolve) => {
            const command = pool.query('SELECT 1 UNION SELECT 2');
            command.on('fields', () => note(`${round}: fields`));
            command.on('result', () => note(`${round}: result`));
            command.on('end', then(note, `${round}: end`, resolve));
          });
          await new Promise<void>((resolve) => {
            const stream = pool.query('SELECT 1 UNION SELECT 2').stream();
            stream.on('data', () => note(`${round}: stream data`));
            stream.on('end', then(note, `${round}: stream end`, resolve));
          });
          const connection = (await new Promise((resolve) =>
            pool.getConnection(then(note, `${round}: getConnection`, resolve)),
          )) as PoolConnection;
          const both = [
            new Promise((resolve) =>
              connection.query('SELECT SLEEP(0.001)', then(note, `${round}: connection`, resolve)),
            ),
            new Promise((resolve) => connection.query('SELECT 2', then(note, `${round}: queued`, resolve))),
          ];
          await Promise.all(both);
          await new Promise((resolve) => connection.beginTransaction(then(note, `${round}: begin`, resolve)));
          await new Promise((resolve) => connection.commit(then(note, `${round}: commit`, resolve)));
          await new Promise((resolve) => connection.ping(then(note, `${round}: ping`, resolve)));
          const statement = (await new Promise((resolve) =>
            connection.prepare('SELECT ? AS a', then(note, `${round}: prepare`, resolve)),
          )) as { execute(values: unknown[], callback: unknown): void };
          await new Promise((resolve) => statement.execute([1], then(note, `${round}: prepared`, resolve)));
          await new Promise((resolve) => connection.reset(then(note, `${round}: reset`, resolve)));
          await new Promise((resolve) => connection.changeUser({}, then(note, `${round}: changeUser`, resolve)));
          connection.release();
        }),
      ).toEqual([]);
    }
  });

  it('continues in the context of the statement: the promise pool', async () => {
    await using pool = over();
    const promised = pool.promise();
    expect(
      await strays(CALLERS, async (note) => {
        await promised.query('SELECT 1').then(() => note('read'));
        await promised.query("INSERT INTO t (v) VALUES ('x')").then(() => note('write'));
        await promised.execute('SELECT 1').then(() => note('execute'));
        const connection = await promised.getConnection();
        note('getConnection');
        await connection.query('SELECT 1').then(() => note('connection'));
        connection.release();
      }),
    ).toEqual([]);
  });

  it('asks the driver in the context of the statement, where tracers look', async () => {
    const { tracingChannel } = await import('node:diagnostics_channel');
    await using pool = over();
    const seen: [string, number | undefined][] = [];
    const channels = ['mysql2:query', 'mysql2:execute'].map((name) => tracingChannel(name));
    const subscribers = {
      start: (message: unknown) => {
        const { query, values } = message as { query: string; values?: unknown[] };
        const of = /caller (\d+)/.exec(query)?.[1] ?? values?.[0];
        if (typeof of === 'number' || Number(of) >= 0) seen.push([String(of), caller.getStore()]);
      },
    };
    for (const channel of channels) channel.subscribe(subscribers as never);
    try {
      await strays(CALLERS, async (note, i) => {
        await new Promise((resolve) => pool.query(`SELECT 'caller ${i}'`, resolve));
        await new Promise((resolve) => pool.query(`INSERT INTO t (v) VALUES ('caller ${i}')`, resolve));
        await new Promise((resolve) => pool.query(`SELECT 'caller ${i}' FROM t`, resolve));
        await new Promise((resolve) => pool.execute('SELECT ? AS a', [i], resolve));
        note('here');
      });
    } finally {
      for (const channel of channels) channel.unsubscribe(subscribers as never);
    }
    expect(seen.length).toBeGreaterThanOrEqual(4 * CALLERS);
    expect(seen.filter(([of, where]) => of !== String(where))).toEqual([]);
  });
});
