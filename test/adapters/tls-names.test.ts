import { createMesh, staticResolver } from 'fairlead';
import { createGateway } from 'fairlead/gateway';
import { createAgent, createDispatcher } from 'fairlead/http';
import { createPool } from 'fairlead/mysql';
import { ShardedRedis } from 'fairlead/redis';
import { createConnection } from 'fairlead/tcp';
import { afterAll, describe, expect, it } from 'vitest';

const mesh = createMesh({ resolver: staticResolver({ users: ['127.0.0.1:1'] }) });
afterAll(() => mesh.close());

/** As one writes it who thinks of etcd's, or of Go's. */
const tls = { serverName: 'users' } as never;
const routes = [{ match: { path: '/' }, service: 'users' }] as never;

describe('a misspelt name among options of TLS', () => {
  it.each<[string, () => unknown]>([
    ['createConnection', () => createConnection(mesh, { service: 'users', tls })],
    ['createDispatcher', () => createDispatcher(mesh, { tls })],
    ['createAgent', () => createAgent(mesh, { service: 'users', tls })],
    ['createGateway, towards clients', () => createGateway(mesh, { routes, tls })],
    ['createGateway, towards a service', () => createGateway(mesh, { routes, upstreams: { users: { tls } } })],
    ['createPool', () => createPool(mesh, { service: 'users', ssl: tls })],
    ['ShardedRedis', () => new ShardedRedis(mesh, { service: 'users', tls })],
  ])('is refused by %s', (_, make) => {
    expect(make).toThrow(
      expect.objectContaining({
        code: 'FAIRLEAD_INVALID_OPTION',
        message: expect.stringMatching(/\.serverName is not/),
      }),
    );
  });
});
