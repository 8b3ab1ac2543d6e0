import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { get } from 'node:https';
import { createServer } from 'node:net';
import { Redis as RedisClient } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { freePort, startConsul, startConsulCluster, startRedis, startRedisCluster, until } from './harness/index.js';

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe('a server of the harness', () => {
  it('comes back on the same port after it was killed, and is gone when its scope ends', async () => {
    let pid: number;
    {
      await using redis = await startRedis();
      const { port, pid: first } = redis;
      await redis.kill();
      expect(redis.running).toBe(false);
      expect(isAlive(first)).toBe(false);
      await redis.restart();
      expect(redis.port).toBe(port);
      pid = redis.pid;
      expect(pid).not.toBe(first);
    }
    expect(isAlive(pid)).toBe(false);
  });

  it('answers nothing while it is paused, and all that was asked once it is resumed', async () => {
    await using redis = await startRedis();
    const client = new RedisClient({ host: redis.host, port: redis.port });
    try {
      await client.ping();
      await redis.pause();
      const answer = client.ping();
      const silence = new Promise<string>((resolve) => setTimeout(resolve, 200, 'silence'));
      expect(await Promise.race([answer, silence])).toBe('silence');
      await redis.resume();
      expect(await answer).toBe('PONG');
    } finally {
      client.disconnect();
    }
  });

  it('can be stopped while it is paused', async () => {
    await using redis = await startRedis();
    await redis.pause();
    await redis.stop();
    expect(redis.running).toBe(false);
  });

  it('does not outlive a test process that is killed', async () => {
    const program = `import { startRedis } from './integration/harness/index.ts'; console.log((await startRedis()).pid); setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const pid = Number(line.toString());
    expect(isAlive(pid)).toBe(true);
    child.kill('SIGKILL');
    await until('the server is gone too', () => !isAlive(pid), 5_000);
  });

  it('that cannot start says why, with the end of its log', async () => {
    await expect(startRedis({ args: ['--no-such-option', 'x'] })).rejects.toThrow(/no-such-option/);
  });
});

describe('startRedis', () => {
  it('forgets its keys at a restart unless told to persist them', async () => {
    for (const persist of [false, true]) {
      await using redis = await startRedis({ persist });
      const cli = () => new RedisClient({ host: redis.host, port: redis.port });
      const before = cli();
      await before.set('k', 'v');
      before.disconnect();
      await redis.kill();
      await redis.restart();
      const after = cli();
      expect(await after.get('k')).toBe(persist ? 'v' : null);
      after.disconnect();
    }
  });

  it('asks for the password it was given', async () => {
    await using redis = await startRedis({ password: 'sesame' });
    const client = new RedisClient({ host: redis.host, port: redis.port, password: 'sesame' });
    expect(await client.ping()).toBe('PONG');
    client.disconnect();
  });

  it('makes a cluster whose nodes share the slots', async () => {
    await using cluster = await startRedisCluster();
    const client = new RedisClient({ host: cluster.nodes[0]!.host, port: cluster.nodes[0]!.port });
    expect(await client.cluster('INFO')).toContain('cluster_slots_ok:16384');
    client.disconnect();
  });
});

describe('startConsul', () => {
  it('forgets its services at a restart unless told to persist them', async () => {
    for (const persist of [false, true]) {
      await using consul = await startConsul({ persist });
      await consul.register({ Name: 'users', Port: 5001 });
      await consul.kill();
      await consul.restart();
      const services = await consul.api<object>('GET', '/v1/agent/services');
      expect(Object.keys(services)).toEqual(persist ? ['users'] : []);
    }
  });

  it('with access control shows nothing to callers without its token', async () => {
    await using consul = await startConsul({ acl: true });
    await consul.register({ Name: 'users', Port: 5001 });
    await until(
      'the service is in the catalogue',
      async () => (await consul.api<unknown[]>('GET', '/v1/catalog/service/users')).length === 1,
    );
    const anonymous = await fetch(`${consul.url}/v1/catalog/service/users`);
    expect(await anonymous.json()).toEqual([]);
  });

  it('with TLS serves HTTPS with a certificate of its own authority', async () => {
    await using consul = await startConsul({ tls: true });
    const { port, ca } = consul.tls!;
    const [response] = await once(
      get({ host: '127.0.0.1', port, path: '/v1/status/leader', ca, agent: false }),
      'response',
    );
    expect(response.statusCode).toBe(200);
    response.resume();
  });
});

describe('startConsulCluster', () => {
  it('elects another leader when the leader is killed, and none without a majority', async () => {
    await using cluster = await startConsulCluster();
    const first = (await cluster.leader())!;
    await first.kill();
    const second = await until('a new leader', async () => {
      const leader = await cluster.leader();
      return leader === first ? undefined : leader;
    });
    await second.kill();
    const last = cluster.servers.find((server) => server.running)!;
    await until(
      'the last server sees no leader',
      async () => (await last.api<string>('GET', '/v1/status/leader')) === '',
    );
    await first.restart();
    await until('a leader again', () => cluster.leader());
  });
});

describe('freePort', () => {
  it('never names a port that is taken or was named before', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const ports = await Promise.all(Array.from({ length: 50 }, () => freePort()));
    expect(new Set(ports).size).toBe(50);
    server.close();
  });
});
