import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RedisServers, startServers } from './support.js';

interface Answer {
  readonly number: number;
  readonly found: string[];
  readonly errors: number;
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

  it('keep their endpoints in whichever process they come', async () => {
    const keys = keysOf('user');
    const { found } = await one.ask(keys);
    expect(new Set(found).size).toBeGreaterThan(1);
    // They are written behind.
    await expect.poll(async () => (await other.ask(keys)).found).toEqual(found);
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

  it('end when they are not used, on the shards that own their keys', async () => {
    await one.ask(keysOf('user'));
    let kept = 0;
    for (const { host, port } of servers.servers) {
      const redis = new Redis(port, host);
      const keys = await redis.keys('carts:user-*');
      for (const key of keys) {
        const ttlMs = await redis.pttl(key);
        expect(ttlMs).toBeGreaterThan(50_000);
        expect(ttlMs).toBeLessThanOrEqual(60_000);
      }
      kept += keys.length;
      redis.disconnect();
    }
    expect(kept).toBe(50);
  });

  it('go on from memory while Redis hangs or is dead: no call fails, and none waits for long', async () => {
    const known = keysOf('user');
    const { found } = await one.ask(known);
    const before = (await one.ask(known)).errors;
    await Promise.all(servers.servers.map((server) => server.pause()));
    const began = performance.now();
    const hung = await one.ask([...known, ...keysOf('new')]);
    expect(performance.now() - began).toBeLessThan(1_500);
    expect(hung.found.slice(0, 50)).toEqual(found);
    expect(hung.found.slice(50).every((id) => 'abcde'.includes(id))).toBe(true);
    await Promise.all(servers.servers.map((server) => server.kill()));
    const dead = await one.ask([...known, ...keysOf('new')]);
    expect(dead.found).toEqual(hung.found);
    await expect.poll(async () => (await one.ask(known)).errors).toBeGreaterThan(before);

    await Promise.all(servers.servers.map((server) => server.restart()));
    // The servers lost all; the process that knows the sessions tells them again, also to the other.
    await expect
      .poll(
        async () => {
          await one.ask([...known, ...keysOf('new')]);
          return (await other.ask(keysOf('new'))).found;
        },
        { timeout: 10_000, interval: 200 },
      )
      .toEqual(hung.found.slice(50));
  });
});
