import { createServer, type Server, type Socket } from 'node:net';
import { createMesh, staticResolver } from 'fairlead';
import { ShardedRedis, type ShardedRedisOptions } from 'fairlead/redis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

/** What a server answers while it reads its data, or a replica has lost its primary. */
const LOADING = 'LOADING Redis is loading the dataset in memory';
const MASTERDOWN = "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.";
const MISCONF = 'MISCONF Redis is configured to save RDB snapshots, but it is unable to persist to disk.';

/** As much of a server as is asked here; refuses what names a key while it is told to. */
class Stub {
  refusal: string | undefined;
  readonly server: Server = createServer((socket) => this.#serve(socket));
  readonly #sockets = new Set<Socket>();

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => {});
    let text = '';
    socket.setEncoding('latin1').on('data', (chunk) => {
      text += chunk;
      for (;;) {
        const words = /^\*(\d+)\r\n((?:\$\d+\r\n[^\r]*\r\n)*)/.exec(text);
        const args = words?.[2]?.split('\r\n').filter((_, i) => i % 2 === 1) ?? [];
        if (words === null || args.length < Number(words[1])) return;
        text = text.slice(words[0].length);
        socket.write(this.#answer(args[0]!.toLowerCase()));
      }
    });
  }

  #answer(name: string): string {
    const isOfKeys = name === 'get' || name === 'set' || name === 'exists';
    if (isOfKeys && this.refusal !== undefined) return `-${this.refusal}\r\n`;
    if (name === 'get') return '$1\r\nv\r\n';
    if (name === 'exists') return ':0\r\n';
    if (name === 'role') return '*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n';
    return name === 'info' ? '$9\r\nloading:0\r\n' : '+OK\r\n';
  }

  async listen(): Promise<number> {
    await new Promise<void>((done) => this.server.listen(0, '127.0.0.1', done));
    return (this.server.address() as { port: number }).port;
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.server.close();
  }
}

describe('a server that answers', () => {
  let stub: Stub;
  let port: number;
  beforeEach(async () => {
    stub = new Stub();
    port = await stub.listen();
  });
  afterEach(() => stub.close());

  async function client(options: Partial<ShardedRedisOptions> = {}, failures = 5) {
    const mesh = createMesh({ resolver: staticResolver({ cache: [{ id: 's0', host: '127.0.0.1', port }] }) });
    const times = { baseEjectionMs: 100, maxEjectionMs: 100 };
    mesh.service('cache', { health: [{ consecutive_failures: { failures, ...times } }] });
    const redis = new ShardedRedis(mesh, { service: 'cache', probeIntervalMs: 10, ...options });
    redis.on('error', () => {});
    const states: string[] = [];
    redis.on('shard', ({ state }) => void states.push(state));
    expect(await redis.get('a')).toBe('v');
    return {
      mesh,
      redis,
      states,
      [Symbol.asyncDispose]: async () => {
        redis.disconnect();
        await mesh.close();
      },
    };
  }

  it.each([LOADING, MASTERDOWN])('%s is down by its first such answer, until it has its data', async (refusal) => {
    await using made = await client();
    const { redis, states } = made;
    stub.refusal = refusal;
    await expect(redis.get('a')).rejects.toThrow(refusal);
    await expect(redis.get('a')).rejects.toMatchObject({
      code: 'FAIRLEAD_SHARD_UNAVAILABLE',
      message: expect.stringContaining(refusal.slice(0, 20)) as string,
    });
    // It answers looks all the time.
    await new Promise((done) => setTimeout(done, 100));
    expect(states).toEqual(['up', 'down']);
    stub.refusal = undefined;
    await expect.poll(() => redis.get('a').catch(() => undefined), { interval: 5 }).toBe('v');
    expect(states).toEqual(['up', 'down', 'up']);
  });

  it('MISCONF to a write serves all the rest, and stays up', async () => {
    await using made = await client();
    stub.refusal = MISCONF;
    await expect(made.redis.set('a', '1')).rejects.toThrow(MISCONF);
    stub.refusal = undefined;
    expect(await made.redis.get('a')).toBe('v');
    expect(made.states).toEqual(['up']);
  });

  it('is not out for good by a duplicate that could not use it and is closed', async () => {
    await using made = await client({}, 2);
    const [endpoint] = made.mesh.service('cache').endpoints;
    // The server speaks no TLS.
    const broken = made.redis.duplicate({ tls: {}, downAfterMs: 10 }) as ShardedRedis;
    broken.on('error', () => {});
    await expect.poll(() => endpoint!.state, { interval: 2 }).not.toBe('ready');
    broken.disconnect();
    await expect.poll(() => endpoint!.state, { interval: 5 }).toBe('ready');
    expect(await made.redis.get('a')).toBe('v');
  });
});
