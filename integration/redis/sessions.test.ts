import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { sessionHash } from 'fairlead';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RedisServers, startServers } from './support.js';

interface Answer {
  readonly number: number;
  readonly found: string[];
  readonly errors: number;
  /** Commands to Redis that were waited for until their time limit. */
  readonly late: number;
}

/** A process that uses the shared sessions. */
class Peer {
  readonly #process: ChildProcess;
  #asked = 0;

  private constructor(child: ChildProcess) {
    this.#process = child;
  }

  static async start(ports: readonly number[]): Promise<Peer> {
    const path = fileURLToPath(new URL('./session-process.ts', import.meta.url));
    const child = fork(path, ports.map(String), { execArgv: ['--import', 'tsx', '--conditions=fairlead-source'] });
    await once(child, 'message');
    return new Peer(child);
  }

  /** The endpoints that calls of these sessions go to. */
  async ask(keys: readonly string[]): Promise<Answer> {
    const number = ++this.#asked;
    const answer = new Promise<Answer>((resolve) => {
      const listen = (message: Answer): void => {
        if (message.number !== number) return;
        this.#process.off('message', listen);
        resolve(message);
      };
      this.#process.on('message', listen);
    });
    this.#process.send({ number, keys });
    return await answer;
  }

  stop(): void {
    this.#process.kill('SIGKILL');
  }
}

const keysOf = (name: string): string[] => Array.from({ length: 50 }, (_, i) => `${name}-${i}`);

describe('sticky sessions in Redis', () => {
  let servers: RedisServers;
  let one: Peer;
  let other: Peer;

  beforeAll(async () => {
    servers = await startServers();
    const ports = servers.servers.map(({ port }) => port);
    [one, other] = (await Promise.all([Peer.start(ports), Peer.start(ports)])) as [Peer, Peer];
  });
  afterAll(async () => {
    one?.stop();
    other?.stop();
    await servers?.[Symbol.asyncDispose]();
  });

  /** All that the servers hold, with its TTL. */
  const stored = async (): Promise<Map<string, number>> => {
    const ttlsMs = new Map<string, number>();
    for (const { host, port } of servers.servers) {
      const redis = new Redis(port, host);
      for (const key of await redis.keys('*')) ttlsMs.set(key, await redis.pttl(key));
      redis.disconnect();
    }
    return ttlsMs;
  };

  /** The TTLs of these sessions, as far as the servers hold them. */
  const kept = async (keys: readonly string[]): Promise<number[]> => {
    const ttlsMs = await stored();
    return keys.map((key) => ttlsMs.get(`carts:${sessionHash(key)}`)).filter((ttlMs) => ttlMs !== undefined);
  };

  it('keep their endpoints in whichever process they come', async () => {
    const keys = keysOf('user');
    const { found } = await one.ask(keys);
    expect(new Set(found).size).toBeGreaterThan(1);
    // They are written behind; whoever asks before that is the first himself.
    await expect.poll(() => kept(keys)).toHaveLength(50);
    expect((await other.ask(keys)).found).toEqual(found);
    expect((await one.ask(keys)).found).toEqual(found);
  });

  it('are agreed upon when both processes are first', async () => {
    const keys = keysOf('race');
    await Promise.all([one.ask(keys), other.ask(keys)]);
    await expect
      .poll(async () => {
        const [mine, theirs] = await Promise.all([one.ask(keys), other.ask(keys)]);
        return mine.found.filter((id, i) => id !== theirs.found[i]).length;
      })
      .toBe(0);
  });

  it('are stored under the hashes of their keys: who reads the store cannot act as a user', async () => {
    const names = [...(await stored()).keys()];
    expect(names.length).toBeGreaterThan(50);
    expect(names.filter((name) => /user|race/.test(name))).toEqual([]);
  });

  it('end when they are not used, on the shards that own their keys', async () => {
    await one.ask(keysOf('user'));
    const ttlsMs = await kept(keysOf('user'));
    expect(ttlsMs).toHaveLength(50);
    expect(Math.min(...ttlsMs)).toBeGreaterThan(50_000);
    expect(Math.max(...ttlsMs)).toBeLessThanOrEqual(60_000);
  });

  it('go on from memory while Redis hangs or is dead: no call fails, and none waits until a command of Redis fails', async () => {
    const known = keysOf('user');
    const { found } = await one.ask(known);
    const before = (await one.ask(known)).errors;
    await Promise.all(servers.servers.map((server) => server.pause()));
    const hung = await one.ask([...known, ...keysOf('new')]);
    expect(hung.late).toBe(0);
    expect(hung.found.slice(0, 50)).toEqual(found);
    expect(hung.found.slice(50).every((id) => 'abcde'.includes(id))).toBe(true);
    await Promise.all(servers.servers.map((server) => server.kill()));
    const dead = await one.ask([...known, ...keysOf('new')]);
    expect(dead.found).toEqual(hung.found);
    await expect.poll(async () => (await one.ask(known)).errors).toBeGreaterThan(before);

    await Promise.all(servers.servers.map((server) => server.restart()));
    // The servers lost all; what the processes know comes back to them, and they agree again.
    await expect
      .poll(
        async () => {
          const keys = [...known, ...keysOf('new')];
          const [mine, theirs] = [await one.ask(keys), await other.ask(keys)];
          return mine.found.filter((id, i) => id !== theirs.found[i]).length;
        },
        { timeout: 10_000, interval: 200 },
      )
      .toBe(0);
    expect(await kept([...known, ...keysOf('new')])).toHaveLength(100);
  });
});
