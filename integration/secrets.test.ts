import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { get } from 'node:http';
import { create } from '@bufbuild/protobuf';
import { StringValueSchema } from '@bufbuild/protobuf/wkt';
import { createClient } from '@connectrpc/connect';
import { credentials, Client as GrpcClient, Metadata } from '@grpc/grpc-js';
import { createMesh, type Mesh, staticResolver } from 'fairlead';
import { createFairleadTransport } from 'fairlead/connect';
import { registerGrpc } from 'fairlead/grpc';
import { createAgent, createDispatcher } from 'fairlead/http';
import { createPool } from 'fairlead/mysql/promise';
import { ShardedRedis } from 'fairlead/redis';
import { request } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CANARY, printed } from '../test/support/canaries.js';
import { Echo } from './connect/support.js';

const CHANNELS = ['call', 'endpoint', 'grpc:call', 'grpc:attempt', 'grpc:connection', 'grpc:weighing'].map(
  (name) => `fairlead:${name}`,
);

/**
 * Whatever an adapter makes known of a call that fails, to its caller, in events or on channels.
 */
describe('what a caller sends as a secret is not in what is told of the call', () => {
  let seen: unknown[];
  let mesh: Mesh;
  const note = (thing: unknown): void => void seen.push(thing);

  beforeEach(() => {
    seen = [];
    // Nothing listens there.
    mesh = createMesh({ resolver: staticResolver({ users: ['127.0.0.1:1', '127.0.0.2:1'] }) });
    const service = mesh.service('users');
    for (const event of ['error', 'ejected', 'rotation', 'breaker', 'affinity'] as const)
      service.on(event, (...args) => note(args));
    for (const channel of CHANNELS) subscribe(channel, note);
    process.on('warning', note);
  });
  afterEach(async () => {
    for (const channel of CHANNELS) unsubscribe(channel, note);
    process.off('warning', note);
    await mesh.close({ deadlineMs: 0 });
  });

  const expectNoCanary = (): void => {
    expect(seen.length).toBeGreaterThan(0);
    for (const thing of seen) expect(printed(thing)).not.toContain(CANARY);
  };

  it('gRPC metadata and call credentials', async () => {
    const registration = registerGrpc(mesh);
    const client = new GrpcClient('fairlead:///users', credentials.createInsecure());
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${CANARY}`);
    const bytes = (value: Buffer): Buffer => value;
    note(
      await new Promise((resolve) => {
        const deadline = { deadline: Date.now() + 2_000 };
        client.makeUnaryRequest('/a.B/C', bytes, bytes, Buffer.from(CANARY), metadata, deadline, resolve);
      }),
    );
    client.close();
    await registration.close();
    expectNoCanary();
  });

  it('connect headers', async () => {
    const transport = createFairleadTransport(mesh, { service: 'users' });
    const client = createClient(Echo, transport);
    const headers = { authorization: `Bearer ${CANARY}` };
    const options = { headers, timeoutMs: 2_000 };
    const call = client.read(create(StringValueSchema, { value: CANARY }), options);
    note(await call.catch((error: unknown) => error));
    expectNoCanary();
  });

  it('HTTP headers and the query', async () => {
    const dispatcher = createDispatcher(mesh);
    const url = `http://users/private?token=${CANARY}`;
    const headers = { authorization: `Bearer ${CANARY}`, cookie: `sid=${CANARY}` };
    const signal = AbortSignal.timeout(2_000);
    note(await request(url, { dispatcher, headers, signal }).catch((error: unknown) => error));
    note(dispatcher);
    await dispatcher.close();
    expectNoCanary();
  });

  it('HTTP headers, as an agent of node:http sends them', async () => {
    const agent = createAgent(mesh, { service: 'users' });
    const headers = { authorization: `Bearer ${CANARY}` };
    note(
      await new Promise((resolve) => {
        get({ host: 'users', path: '/', agent, headers }, resolve).on('error', resolve);
      }),
    );
    note(agent);
    agent.destroy();
    expectNoCanary();
  });

  it('MySQL and Redis logins', async () => {
    const pool = createPool(mesh, { service: 'users', user: 'ann', password: CANARY, acquireTimeoutMs: 200 } as never);
    note(await pool.query('SELECT 1').catch((error: unknown) => error));
    note(pool);
    const redis = new ShardedRedis(mesh, { service: 'users', username: 'ann', password: CANARY });
    redis.on('error', note);
    note(await redis.get('a').catch((error: unknown) => error));
    note(redis);
    redis.disconnect();
    await pool.end().catch(() => {});
    expectNoCanary();
  });
});
