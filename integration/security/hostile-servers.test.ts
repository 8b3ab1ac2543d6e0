import { randomBytes } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { StringValueSchema } from '@bufbuild/protobuf/wkt';
import { createClient } from '@connectrpc/connect';
import { credentials, Client as GrpcClient, Metadata } from '@grpc/grpc-js';
import { createMesh, type Mesh, staticResolver } from 'fairlead';
import { createFairleadTransport } from 'fairlead/connect';
import { consulKv, consulResolver } from 'fairlead/consul';
import { registerGrpc } from 'fairlead/grpc';
import { createDispatcher } from 'fairlead/http';
import { createPool } from 'fairlead/mysql/promise';
import { ShardedRedis } from 'fairlead/redis';
import { request } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Echo } from '../connect/support.js';
import { until } from '../harness/index.js';
import { pause } from '../mysql/load.js';
import { after, answering, type Behaviour, endlessly, HostileServer, repeatedly, slowly } from './hostile-server.js';

/**
 * Promise 2: what a server answers can fail its own call only. Nothing is uncaught, no call hangs
 * longer than it was given, nothing grows with what is sent, and everything can be closed.
 */

const KIB = 1_024;
const CHUNK = Buffer.alloc(64 * KIB, 'x');
/** How long each client is given. */
const PATIENCE_MS = 1_000;
/** The process may grow so much meanwhile, with what its collector has not found yet. */
const MOST_MIB = 384;

/** Bytes that begin well, by protocol, and promise more than there should be. */
const HUGE = {
  http: 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99999999999\r\n\r\n',
  headers: 'HTTP/1.1 200 OK\r\nx: ',
  redis: '$536870911\r\n',
  nested: '*2147483647\r\n',
  // A packet of 16 MiB less one, of which there may be any number.
  mysql: Buffer.from([0xff, 0xff, 0xff, 0x00]),
  // A HEADERS frame of 16 MiB on stream 1.
  http2: Buffer.from([0xff, 0xff, 0xff, 0x01, 0x00, 0x00, 0x00, 0x00, 0x01]),
};

const BEHAVIOURS: Readonly<Record<string, Behaviour>> = {
  'says nothing': () => {},
  'hangs up at once': (socket) => void socket.destroy(),
  'hangs up when asked': answering((socket) => void socket.destroy()),
  'sends garbage': (socket) => void socket.write(randomBytes(64 * KIB)),
  'sends garbage without end': endlessly(randomBytes(64 * KIB)),
  'sends text without end': endlessly(CHUNK),
  'sends zeros without end': endlessly(Buffer.alloc(64 * KIB)),
  'sends line ends without end': endlessly(Buffer.from('\r\n'.repeat(32 * KIB))),
  'dribbles an HTTP answer': answering(slowly(Buffer.from(HUGE.http), 20)),
  'answers with a body without end': answering(after(HUGE.http, endlessly(CHUNK))),
  'answers with a header without end': answering(after(HUGE.headers, endlessly(CHUNK))),
  'answers with a bulk string of half a gigabyte': answering(
    // A string may be that long: what is held of it by its time limit is what came by then.
    after(HUGE.redis, repeatedly(CHUNK, 1_500)),
  ),
  'answers with an array of two thousand million': answering(
    after(HUGE.nested, endlessly(Buffer.from('*1\r\n'.repeat(KIB)))),
  ),
  'greets with packets without end': endlessly(Buffer.concat([HUGE.mysql, Buffer.alloc(64 * KIB)])),
  'greets with a frame that is too large': after(HUGE.http2, endlessly(CHUNK)),
};

/** What a client makes of it: how its call ended. */
type Client = (port: number, mesh: Mesh) => Promise<unknown>;

const CLIENTS: Readonly<Record<string, Client>> = {
  HTTP: async (_port, mesh) => {
    const dispatcher = createDispatcher(mesh, {
      headersTimeout: PATIENCE_MS,
      bodyTimeout: PATIENCE_MS,
      maxResponseSize: 8 * KIB * KIB,
    });
    try {
      const signal = AbortSignal.timeout(PATIENCE_MS);
      const { body } = await request('http://users/', { dispatcher, signal });
      return await body.text();
    } finally {
      await dispatcher.destroy();
    }
  },
  connect: async (_port, mesh) => {
    const client = createClient(Echo, createFairleadTransport(mesh, { service: 'users' }));
    return client.read(create(StringValueSchema, { value: 'x' }), { timeoutMs: PATIENCE_MS });
  },
  gRPC: async (_port, mesh) => {
    const registration = registerGrpc(mesh);
    const client = new GrpcClient('fairlead:///users', credentials.createInsecure());
    const same = (bytes: Buffer): Buffer => bytes;
    try {
      return await new Promise((resolve, reject) => {
        const options = { deadline: Date.now() + PATIENCE_MS };
        client.makeUnaryRequest('/a.B/C', same, same, Buffer.from('x'), new Metadata(), options, (error, answer) =>
          error ? reject(error) : resolve(answer),
        );
      });
    } finally {
      client.close();
      await registration.close();
    }
  },
  MySQL: async (_port, mesh) => {
    const pool = createPool(mesh, { service: 'users', user: 'app', password: 'x', acquireTimeoutMs: PATIENCE_MS });
    try {
      return await pool.query('SELECT 1');
    } finally {
      await pool.end();
    }
  },
  Redis: async (_port, mesh) => {
    const redis = new ShardedRedis(mesh, { service: 'users', commandTimeout: PATIENCE_MS });
    redis.on('error', () => {});
    try {
      return await redis.get('a');
    } finally {
      redis.disconnect();
    }
  },
  'the Consul resolver': async (port) => {
    const resolver = consulResolver({ address: `127.0.0.1:${port}`, env: {}, requestTimeoutMs: PATIENCE_MS });
    const mesh = createMesh({ resolver });
    const users = mesh.service('users');
    const error = new Promise((_resolve, reject) => void users.on('error', reject));
    try {
      await Promise.race([error, users.ready()]);
    } finally {
      await mesh.close({ deadlineMs: 0 });
    }
  },
  'the Consul KV store': async (port, mesh) => {
    const stop = new AbortController();
    const kv = consulKv({ address: `127.0.0.1:${port}`, env: {} });
    const patience = AbortSignal.timeout(PATIENCE_MS);
    try {
      return await new Promise((resolve, reject) => {
        patience.addEventListener('abort', () => reject(patience.reason));
        kv.watch('k', { value: resolve, error: reject }, stop.signal, mesh);
      });
    } finally {
      stop.abort();
    }
  },
};

let uncaught: unknown[];
const note = (error: unknown): void => void uncaught.push(error);

beforeEach(() => {
  uncaught = [];
  process.on('uncaughtException', note);
  process.on('unhandledRejection', note);
});
afterEach(() => {
  process.off('uncaughtException', note);
  process.off('unhandledRejection', note);
});

describe.each(Object.entries(CLIENTS))('a server of %s', (_, call) => {
  it.each(Object.entries(BEHAVIOURS))('that %s fails its call only', async (_what, behave) => {
    await using server = await HostileServer.start(behave);
    const endpoint = { id: 'e0', host: '127.0.0.1', port: server.port };
    const mesh = createMesh({ resolver: staticResolver({ users: [endpoint] }) });
    const before = process.memoryUsage.rss();
    let most = before;
    const watching = setInterval(() => {
      most = Math.max(most, process.memoryUsage.rss());
    }, 10);
    const ended = await call(server.port, mesh).then(
      () => 'an answer',
      (error: unknown) => error,
    );
    await mesh.close({ deadlineMs: 0 });
    await pause(20);
    clearInterval(watching);
    expect(ended).toBeInstanceOf(Error);
    expect(uncaught).toEqual([]);
    expect((most - before) / KIB / KIB).toBeLessThan(MOST_MIB);
  });
});

describe('a server that greets a MySQL client', () => {
  it('is cut off when it says more than a login takes', async () => {
    await using server = await HostileServer.start(endlessly(CHUNK));
    const mesh = createMesh({
      resolver: staticResolver({ users: [{ id: 'e0', host: '127.0.0.1', port: server.port }] }),
    });
    const pool = createPool(mesh, { service: 'users', user: 'app', password: 'x', probeIntervalMs: 100 });
    const said = (): string => String(pool.status().servers[0]?.error);
    await until('it to be cut off', () => /more than 1048576 bytes before a login/.test(said()));
    await pool.end();
    await mesh.close();
    await until('all of its connections to be gone', () => server.open === 0);
    // With what lies in the buffers of the kernel.
    expect(server.sent / server.connections).toBeLessThan(16 * KIB * KIB);
  });
});
