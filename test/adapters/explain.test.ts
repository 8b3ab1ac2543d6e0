import { Metadata } from '@grpc/grpc-js';
import { createMesh, staticResolver } from 'fairlead';
import { createGateway } from 'fairlead/gateway';
import { registerGrpc, setRoutingKey } from 'fairlead/grpc';
import { createPool } from 'fairlead/mysql';
import { ShardedRedis } from 'fairlead/redis';
import { afterEach, describe, expect, it } from 'vitest';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function meshOver(service: string, policy: 'maglev' | 'round_robin' = 'round_robin') {
  const mesh = createMesh({
    resolver: staticResolver({ [service]: ['127.0.0.1:1', '127.0.0.1:2', '127.0.0.1:3'] }),
    services: { [service]: { policy } },
  });
  cleanups.push(() => mesh.close({ deadlineMs: 0 }));
  return mesh;
}

describe('a request that a gateway explains', () => {
  it('has its route, the key that it reads, and the endpoint', () => {
    const mesh = meshOver('users', 'maglev');
    const gateway = createGateway(mesh, {
      routes: [
        { name: 'users', match: { path: '/users/*', method: 'GET' }, service: 'users', key: { header: 'X-User' } },
        { name: 'old', match: { path: '/old' }, redirect: { path: '/users' } },
        { name: 'teapot', match: { path: '/tea' }, response: { status: 418 } },
      ],
    });
    const users = mesh.service('users');
    const { explanation, ...rest } = gateway.explain({ path: '/users/7', headers: { 'x-USER': 'ada' } });
    expect(rest).toEqual({ route: 'users', action: 'forward', status: undefined, service: 'users' });
    expect(explanation?.chosen).toBe(users.explain({ key: 'ada' }).chosen);
    expect(explanation?.key).toBe(users.explain({ key: 'ada' }).key);
    expect(gateway.explain({ path: '/old' })).toMatchObject({ route: 'old', action: 'redirect', status: 302 });
    expect(gateway.explain({ path: '/tea' })).toMatchObject({ route: 'teapot', action: 'respond', status: 418 });
    expect(gateway.explain({ path: '/none' })).toMatchObject({ action: 'refuse', status: 404 });
    expect(gateway.explain({ method: 'PUT', path: '/users/7' })).toMatchObject({ action: 'refuse', status: 405 });
    expect(gateway.explain({ path: '/users/../7' })).toMatchObject({ action: 'refuse', status: 400 });
    expect(users.endpoints.every(({ calls }) => calls === 0)).toBe(true);
  });
});

describe('a key that a sharded client explains', () => {
  it('has its owner, and says what a command would be refused with', async () => {
    const mesh = meshOver('cache');
    const redis = new ShardedRedis(mesh, { service: 'cache', lazyConnect: true, keyPrefix: 'p:' });
    cleanups.push(() => redis.disconnect());
    redis.on('error', () => {});
    void redis.connect().catch(() => {});
    const explanation = redis.explain('user:7');
    expect(explanation).toMatchObject({ owner: redis.shardFor('user:7'), because: 'owner', tagged: false });
    expect(explanation.serves).toBe(explanation.owner);
    expect(redis.explain('{user:7}:name').tagged).toBe(true);
    expect(redis.explain('a{t}').owner).toBe(redis.explain('b{t}').owner);
    expect(JSON.stringify(redis.explain('c4naryS3cret'))).not.toContain('c4nary');
  });
});

describe('a statement that a pool routes', () => {
  it('names no server while none is known, and the one that was asked for', async () => {
    const mesh = meshOver('db');
    const pool = createPool(mesh, { service: 'db' });
    cleanups.push(() => new Promise<void>((resolve) => pool.end(() => resolve())));
    expect(pool.route('SELECT 1')).toMatchObject({ target: 'replica', server: undefined, explanation: undefined });
    pool.withRoute({ endpoint: '127.0.0.1:2' }, () =>
      expect(pool.route('SELECT 1')).toMatchObject({ server: '127.0.0.1:2', explanation: undefined }),
    );
    expect(pool.route('COMMIT')).toMatchObject({ target: 'same connection', server: undefined });
  });
});

describe('a call that a gRPC registration explains', () => {
  it('goes by its metadata: the key that rides on it, or the header', () => {
    const mesh = meshOver('echo', 'maglev');
    const registration = registerGrpc(mesh, { defaults: { keyHeader: 'x-user' } });
    cleanups.push(() => registration.close());
    const { chosen, key } = mesh.service('echo').explain({ key: 'ada' });
    const metadata = new Metadata();
    metadata.set('x-user', 'ada');
    expect(registration.explain('echo', { metadata })).toMatchObject({ chosen, key });
    expect(registration.explain('echo', { metadata: setRoutingKey(new Metadata(), 'ada') })).toMatchObject({ key });
    expect(registration.explain('echo').key).toBeUndefined();
  });
});
