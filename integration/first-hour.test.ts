import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Consumer, Program, pack } from './first-hour/support.js';
import { type Consul, SQL_USERS, startConsul, startMariadb, startRedis, until } from './harness/index.js';

const backend = fileURLToPath(new URL('./first-hour/backend.mjs', import.meta.url));
const TYPES = ['@types/express@5', '@types/node@20'];

const packed = mkdtempSync(join(tmpdir(), 'fairlead-packed-'));
let tarball: string;
beforeAll(async () => {
  tarball = await pack(packed);
});
afterAll(() => rmSync(packed, { recursive: true, force: true }));

/** A server of `service`, known to Consul. */
async function serve(consul: Consul, service: string, kind: 'grpc' | 'http', name: string): Promise<Program> {
  const program = new Program([backend, kind, name]);
  await until(`${name} listens`, () => program.lines.length > 0);
  await consul.register({ Name: service, ID: name, Address: '127.0.0.1', Port: Number(program.lines[0]) });
  return program;
}

/** Requests that never stop until they are told to, and what became of them. */
class Visitors {
  readonly statuses = new Map<string, number>();
  readonly #working: Promise<void>[] = [];
  #stopped = false;
  constructor(url: string) {
    for (const path of ['/users/7', '/pages/home', '/hits/a', '/hits/b', 'POST /orders']) {
      this.#working.push(this.#visit(url, path));
    }
  }
  async #visit(url: string, path: string): Promise<void> {
    const [method, where] = path.startsWith('POST ') ? ['POST', path.slice(5)] : ['GET', path];
    const headers = { 'content-type': 'application/json' };
    while (!this.#stopped) {
      const body = method === 'POST' ? JSON.stringify({ item: 'rope' }) : null;
      const status = await fetch(`${url}${where}`, { method, headers, body }).then(
        async (response) => [response.status, response.ok ? '' : await response.text()].join(' ').trim(),
        () => 'lost',
      );
      const key = `${path} ${status}`;
      this.statuses.set(key, (this.statuses.get(key) ?? 0) + 1);
    }
  }
  async more(count: number): Promise<void> {
    const before = this.#total();
    await until(`${count} more requests were answered`, () => this.#total() >= before + count);
  }
  #total = (): number => [...this.statuses.values()].reduce((sum, n) => sum + n, 0);
  /** Those that failed, by path and status. */
  failed(): readonly string[] {
    return [...this.statuses.keys()].filter((key) => !/ 20[01]$/.test(key));
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#working);
  }
}

describe.each([
  ['the newest drivers', ['@grpc/grpc-js@~1.14.0', 'mysql2@^3.11.0', 'ioredis@^6.0.0', 'undici@^7.0.0']],
  ['the oldest drivers', ['@grpc/grpc-js@1.14.0', 'mysql2@3.11.0', 'ioredis@5.3.0', 'undici@7.0.0']],
])('the application of docs/first-hour.md, from the packed package, with %s', (_, drivers) => {
  it('serves while one of each of its servers is killed, and ends in good order', { timeout: 240_000 }, async () => {
    using consumer = new Consumer();
    await consumer.install([tarball, 'express@5', '@grpc/proto-loader@0.8', ...drivers], TYPES);
    const files = await consumer.compile('docs/first-hour.md');
    expect(files).toEqual([
      'tsconfig.json',
      'app/mesh.ts',
      'users.proto',
      'app/users.ts',
      'app/stores.ts',
      'app/server.ts',
    ]);

    await using consul = await startConsul();
    await using sql = await startMariadb({ replicas: 1 });
    await using redisA = await startRedis();
    await using redisB = await startRedis();
    await sql.primary.sql(`CREATE TABLE ${sql.database}.orders (id INT AUTO_INCREMENT PRIMARY KEY, item VARCHAR(50))`);
    for (const [i, { host, port }] of sql.servers.entries()) {
      await consul.register({ Name: 'mysql', ID: `db${i}`, Address: host, Port: port });
    }
    for (const [i, { host, port }] of [redisA, redisB].entries()) {
      await consul.register({ Name: 'cache', ID: `cache${i}`, Address: host, Port: port });
    }
    await using usersA = await serve(consul, 'users', 'grpc', 'users-a');
    await using _usersB = await serve(consul, 'users', 'grpc', 'users-b');
    await using pagesA = await serve(consul, 'pages', 'http', 'pages-a');
    await using _pagesB = await serve(consul, 'pages', 'http', 'pages-b');

    await using shop = consumer.start({
      CONSUL_HTTP_ADDR: consul.address,
      PORT: '0',
      DB_USER: SQL_USERS.app.user,
      DB_PASSWORD: SQL_USERS.app.password,
      DB_NAME: sql.database,
    });
    const listening = /^listening on (\d+)$/;
    await until('the shop listens', () => {
      if (shop.lines.some((line) => listening.test(line))) return true;
      throw new Error(shop.lines.join('\n'));
    });
    const url = `http://127.0.0.1:${shop.lines.map((line) => listening.exec(line)?.[1]).find((port) => port)}`;
    const ready = async (): Promise<unknown> => (await fetch(`${url}/ready`)).json();

    await using visitors = new Visitors(url);
    await visitors.more(50);
    expect(visitors.failed()).toEqual([]);
    for (const hurt of [usersA, pagesA, sql.replicas[0]!]) {
      await hurt.kill();
      await visitors.more(50);
    }
    expect(visitors.failed()).toEqual([]);
    await redisB.kill();
    await visitors.more(50);
    expect(visitors.failed().filter((key) => !key.startsWith('/hits/'))).toEqual([]);
    await until('readiness says so', async () => ((await ready()) as { status: string }).status === 'degraded');
    shop.child.kill('SIGTERM');
    const [code, signal] = await shop.ended;
    expect([code, signal], shop.lines.join('\n')).toEqual([null, 'SIGTERM']);
    expect(await consul.api('GET', '/v1/catalog/service/shop')).toEqual([]);
  });
});
