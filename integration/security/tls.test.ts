import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { get } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import { createClient } from '@connectrpc/connect';
import grpc from '@grpc/grpc-js';
import { createMesh, grpcCheck, httpCheck, type Mesh, staticResolver } from 'fairlead';
import { createFairleadTransport } from 'fairlead/connect';
import { consulResolver } from 'fairlead/consul';
import { etcdResolver } from 'fairlead/etcd';
import { createGateway } from 'fairlead/gateway';
import { registerGrpc } from 'fairlead/grpc';
import { createAgent, createDispatcher } from 'fairlead/http';
import { ShardedRedis } from 'fairlead/redis';
import { createConnection } from 'fairlead/tcp';
import { request } from 'undici';
import { describe, expect, it } from 'vitest';
import { Echo } from '../connect/support.js';
import { until } from '../harness/index.js';

// Made by openssl for these tests, valid until 2124 (but `expired`): `good` is for the names users
// and localhost and for 127.0.0.1, `elsewhere` for another name, `stranger` is signed by another
// authority than ca.pem.
const pem = (name: string): string => readFileSync(new URL(`tls/${name}.pem`, import.meta.url), 'utf8');
const ca = pem('ca');

/** Takes handshakes with one certificate, and counts what is said to it when they are over. */
class Listener implements AsyncDisposable {
  heard = 0;
  handshakes = 0;
  readonly #sockets = new Set<TLSSocket>();
  readonly #server;
  private constructor(certificate: string) {
    const [cert, key] = [pem(`${certificate}-cert`), pem(`${certificate}-key`)];
    this.#server = createServer({ cert, key, ALPNProtocols: ['h2', 'http/1.1'] }, (socket) => {
      this.#sockets.add(socket);
      socket
        .on('error', () => {})
        .on('data', (chunk: Buffer) => {
          this.heard += chunk.length;
          socket.destroy();
        });
    });
    this.#server.on('connection', () => this.handshakes++);
  }
  static async start(certificate: string): Promise<Listener> {
    const listener = new Listener(certificate);
    await once(listener.#server.listen(0, '127.0.0.1'), 'listening');
    return listener;
  }
  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }
  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

const meshOf = (port: number): Mesh =>
  createMesh({ resolver: staticResolver({ users: [`127.0.0.1:${port}`] }), defaults: { health: [] } });

/** Each speaks to the port over TLS, trusting `ca` alone, and rejects or gives up in the end. */
const CLIENTS: Readonly<Record<string, (port: number, trust: string) => Promise<unknown>>> = {
  'fetch and undici': async (port, trust) => {
    await using mesh = meshOf(port);
    const dispatcher = createDispatcher(mesh, { tls: { ca: trust } });
    await request('https://users/', { dispatcher }).finally(() => dispatcher.destroy());
  },
  'an agent of node:http': async (port, trust) => {
    await using mesh = meshOf(port);
    const agent = createAgent(mesh, { service: 'users', tls: { ca: trust } });
    await new Promise((resolve, reject) => get('https://users/', { agent }, resolve).on('error', reject));
  },
  'the gateway': async (port, trust) => {
    await using mesh = meshOf(port);
    const gateway = createGateway(mesh, {
      routes: [{ name: 'users', match: { path: '/*' }, service: 'users' }],
      upstreams: { users: { tls: { ca: trust } } },
    });
    const local = await gateway.listen(0, '127.0.0.1');
    const { statusCode } = await request(`http://127.0.0.1:${local}/`);
    await gateway.close();
    expect(statusCode).toBeGreaterThanOrEqual(500);
  },
  gRPC: async (port, trust) => {
    await using mesh = meshOf(port);
    registerGrpc(mesh, { scheme: 'tls-table' });
    const credentials = grpc.credentials.createSsl(Buffer.from(trust));
    const client = new grpc.Client('tls-table:///users', credentials);
    const same = (bytes: Buffer): Buffer => bytes;
    await new Promise((resolve) =>
      client.makeUnaryRequest('/a/B', same, same, Buffer.alloc(0), { deadline: Date.now() + 700 }, resolve),
    );
    client.close();
  },
  connect: async (port, trust) => {
    await using mesh = meshOf(port);
    const baseUrl = ({ host, port: at }: { host: string; port: number }): string => `https://${host}:${at}`;
    const transport = createFairleadTransport(mesh, {
      service: 'users',
      baseUrl,
      transport: { nodeOptions: { ca: trust } },
    });
    const client = createClient(Echo, transport);
    await client.read({ value: '' }, { timeoutMs: 700 }).finally(() => transport.close());
  },
  Redis: async (port, trust) => {
    await using mesh = meshOf(port);
    const redis = new ShardedRedis(mesh, { service: 'users', tls: { ca: trust }, commandTimeout: 500, password: 'x' });
    redis.on('error', () => {});
    await redis.get('a').finally(() => redis.disconnect());
  },
  'a TCP socket': async (port, trust) => {
    await using mesh = meshOf(port);
    const socket = await createConnection(mesh, { service: 'users', tls: { ca: trust } });
    socket.on('error', () => {}).write('hello');
    await new Promise((resolve) => socket.on('close', resolve));
  },
  Consul: async (port, trust) => {
    const resolver = consulResolver({ address: `https://127.0.0.1:${port}`, token: 'x', tls: { ca: trust } });
    await using mesh = createMesh({ resolver });
    await mesh.service('users').ready(AbortSignal.timeout(700));
  },
  etcd: async (port, trust) => {
    const resolver = etcdResolver({ address: `https://127.0.0.1:${port}`, tls: { ca: trust } });
    await using mesh = createMesh({ resolver });
    await mesh.service('users').ready(AbortSignal.timeout(700));
  },
  'the HTTP check': async (port, trust) =>
    await httpCheck({ tls: true, ca: trust }).ask({ host: '127.0.0.1', port }, AbortSignal.timeout(700)),
  'the gRPC check': async (port, trust) =>
    await grpcCheck({ tls: true, ca: trust }).ask({ host: '127.0.0.1', port }, AbortSignal.timeout(700)),
};

describe.each(Object.entries(CLIENTS))('%s over TLS', (_, client) => {
  it('speaks to a server with the right certificate', async () => {
    await using listener = await Listener.start('good');
    await client(listener.port, ca).catch(() => {});
    await until('it was spoken to', () => listener.heard > 0);
  });

  it.each([
    ['for another name', 'elsewhere'],
    ['of another authority', 'stranger'],
    ['that expired', 'expired'],
  ])('says nothing to a server with a certificate %s', async (_why, certificate) => {
    await using listener = await Listener.start(certificate);
    await client(listener.port, ca).catch(() => {});
    expect(listener.handshakes).toBeGreaterThan(0);
    expect(listener.heard).toBe(0);
  });
});

it('tls: true of Redis trusts the authorities of Node, and says nothing to others', async () => {
  await using listener = await Listener.start('good');
  await using mesh = meshOf(listener.port);
  const redis = new ShardedRedis(mesh, { service: 'users', tls: true, commandTimeout: 500, password: 'x' });
  const errors: NodeJS.ErrnoException[] = [];
  redis.on('error', (error) => errors.push(error));
  await expect(redis.get('a').finally(() => redis.disconnect())).rejects.toThrow();
  expect(errors[0]?.code).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
  expect(listener.heard).toBe(0);
});
