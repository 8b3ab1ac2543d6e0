import { createServer, type ServerResponse } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { create } from '@bufbuild/protobuf';
import { StringValueSchema } from '@bufbuild/protobuf/wkt';
import { createClient } from '@connectrpc/connect';
import { createMesh, type Mesh, staticResolver } from 'fairlead';
import { createFairleadTransport } from 'fairlead/connect';
import { createDispatcher } from 'fairlead/http';
import { ShardedRedis } from 'fairlead/redis';
import { request } from 'undici';
import { afterEach, describe, expect, it } from 'vitest';
import { Echo } from '../connect/support.js';

/**
 * Promise 7, on the wire: attempts ≤ (1 + budget) × calls, whatever servers answer. The core's own
 * test has all ways of failing; gRPC's hedges and MySQL's statements have theirs where those are.
 */

const RATIO = 0.2;
/** Calls and repeats count for so long: longer than any of these tests takes. */
const WINDOW_MS = 600_000;
const budget = { ratio: RATIO, minPerSecond: 0.05, windowMs: WINDOW_MS };
const FLOOR = (0.05 * WINDOW_MS) / 1_000;
const CALLS = 300;
const AT_ONCE = 20;

let ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.reverse()) await end();
  ends = [];
});

/** Three servers that listen already. */
async function meshOver(servers: readonly Server[]): Promise<Mesh> {
  for (const server of servers) {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ends.push(() => void server.close());
  }
  const endpoints = servers.map((server, i) => ({
    id: `e${i}`,
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
  }));
  // Calls that may be made twice are hedged when they take long, as on a busy machine.
  const resilience = { idempotent: true, retry: { maxAttempts: 5, budget }, hedge: { afterMs: 500, budget } };
  const services = { users: { resilience, health: [] } };
  const mesh = createMesh({ resolver: staticResolver({ users: endpoints }), services });
  ends.push(() => mesh.close({ deadlineMs: 0 }));
  return mesh;
}

/** All calls fail; returns how many attempts there were. */
async function failures(call: () => Promise<unknown>, attempts: () => number): Promise<number> {
  let left = CALLS;
  const caller = async (): Promise<void> => {
    while (left-- > 0)
      await call().then(
        () => expect.unreachable('it should have failed'),
        () => {},
      );
  };
  await Promise.all(Array.from({ length: AT_ONCE }, caller));
  return attempts();
}

const three = <T>(make: () => T): T[] => Array.from({ length: 3 }, make);
const expectWithinBudget = (attempts: number): void => {
  // Retries and hedges have a budget each.
  expect(attempts).toBeLessThanOrEqual(CALLS * (1 + 2 * RATIO) + 2 * FLOOR);
  // Some were repeated, and without a budget there were five times the calls.
  expect(attempts).toBeGreaterThan(CALLS + FLOOR);
};

describe('attempts are at most the calls, the budget of them, and the floor', () => {
  it.each<[string, (response: ServerResponse) => unknown]>([
    ['are refused with Retry-After: 0', (response) => response.writeHead(503, { 'retry-after': '0' }).end()],
    ['are cut', (response) => response.destroy()],
  ])('of HTTP requests that %s', async (_what, answer) => {
    let attempts = 0;
    const servers = three(() =>
      createServer((_request, response) => {
        attempts++;
        answer(response);
      }),
    );
    const mesh = await meshOver(servers);
    const dispatcher = createDispatcher(mesh, { retryStatus: [503] });
    ends.push(() => dispatcher.destroy());
    const get = async (): Promise<void> => {
      const { statusCode, body } = await request('http://users/', { dispatcher });
      await body.dump();
      if (statusCode !== 200) throw new Error(String(statusCode));
    };
    expectWithinBudget(await failures(get, () => attempts));
  });

  it.each<[string, Record<string, string>]>([
    ['say nothing of it', {}],
    ['are pushed back by 0 ms', { 'grpc-retry-pushback-ms': '0' }],
  ])('of connect calls that %s', async (_what, trailers) => {
    let attempts = 0;
    const servers = three(() => {
      const server = createHttp2Server();
      server.on('stream', (stream) => {
        attempts++;
        stream.on('error', () => {});
        const headers = { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '14', ...trailers };
        stream.respond(headers, { endStream: true });
      });
      return server;
    });
    const mesh = await meshOver(servers);
    const client = createClient(Echo, createFairleadTransport(mesh, { service: 'users' }));
    expectWithinBudget(
      await failures(
        () => client.read(create(StringValueSchema, { value: 'x' }), { timeoutMs: 20_000 }),
        () => attempts,
      ),
    );
  });

  it('of Redis commands: what was sent is not sent again, whoever hangs up', async () => {
    let attempts = 0;
    const servers = three(() =>
      createTcpServer((socket: Socket) => {
        socket.on('error', () => {});
        socket.on('data', (data) => {
          const text = data.toString();
          const gets = text.match(/\$3\r\nget\r\n/gi)?.length ?? 0;
          attempts += gets;
          if (gets > 0) socket.destroy();
          // As many answers as questions: all of them are of the handshake, or probes.
          else socket.write('+OK\r\n'.repeat(text.match(/^\*\d+\r$/gm)?.length ?? 1));
        });
      }),
    );
    const mesh = await meshOver(servers);
    const redis = new ShardedRedis(mesh, { service: 'users', enableReadyCheck: false, commandTimeout: 5_000 });
    redis.on('error', () => {});
    ends.push(() => redis.disconnect());
    let key = 0;
    const sent = await failures(
      () => redis.get(`k${key++}`),
      () => attempts,
    );
    expect(sent).toBeGreaterThan(0);
    expect(sent).toBeLessThanOrEqual(CALLS);
  });
});
