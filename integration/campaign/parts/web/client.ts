import { connect } from 'node:net';
import { createMesh, staticResolver } from 'fairlead';
import { createGateway } from 'fairlead/gateway';
import { createDispatcher, httpStatusOf } from 'fairlead/http';
import { createTcpProxy } from 'fairlead/tcp';
import type { Random } from 'fairlead/testing';
import { Agent, type Dispatcher, request } from 'undici';
import type { ClientContext, ClientPart, RunningClient } from '../../part.js';
import { balancedPool } from './balanced-pool.js';

/** A way to the servers: what it asks for is at one of them. */
interface Way {
  readonly name: string;
  readonly origin: string;
  readonly dispatcher: Dispatcher;
}

/** The answer was read whole, and it says so. */
class Answered extends Error {
  readonly status: number;
  constructor(status: number) {
    super(`status ${status}`);
    this.status = status;
  }
}

/** So long a client waits for bytes; ms. */
const PATIENCE_MS = 6_000;

/** Statuses with which a gateway says that nothing was sent. */
const NOT_SENT = new Set([429, 503]);

/** Whether what failed so may have been delivered. */
function judge(error: unknown): 'fail' | 'unknown' | undefined {
  if (error instanceof Answered) return NOT_SENT.has(error.status) ? 'fail' : 'unknown';
  if (!(error instanceof Error)) return undefined;
  const { code = '' } = error as { code?: string };
  if (code === 'ECONNREFUSED' || code === 'UND_ERR_CONNECT_TIMEOUT') return 'fail';
  const { status } = httpStatusOf(error);
  if (status === 503) return 'fail';
  return status === 502 || status === 504 ? 'unknown' : undefined;
}

export const client: ClientPart = {
  async start({ options, world, history, name }: ClientContext): Promise<RunningClient> {
    const {
      policy,
      deadlineMs,
      hedgeMs,
      connections,
      client: peer,
    } = options as {
      policy: 'round_robin';
      deadlineMs: number;
      hedgeMs: number;
      connections: number;
      /** Never drawn: a peer, to compare with. */
      client?: 'balanced-pool';
    };
    const { http, tcp } = world as { http: readonly string[]; tcp: readonly string[] };
    // A budget that is never spent: what fails then fails for another reason.
    const budget = { minPerSecond: 1_000 };
    const resilience = { deadlineMs, retry: { budget }, ...(hedgeMs > 0 && { hedge: { afterMs: hedgeMs, budget } }) };
    const mesh = createMesh({
      resolver: staticResolver({ web: [...http], raw: [...tcp] }),
      services: { web: { policy, resilience }, raw: { policy } },
    });
    const dispatcher = createDispatcher(mesh, { connections, connectTimeout: 500 });
    const gateway = createGateway(mesh, {
      routes: [{ service: 'web' }],
      upstreams: { web: { connections, connectTimeout: 500 } },
      lameDuckMs: 0,
    });
    const proxy = createTcpProxy(mesh, { service: 'raw', connectTimeout: 500, idleTimeout: 3_000 });
    const { port: proxyPort } = await proxy.listen({ port: 0, host: '127.0.0.1' });
    const plain = new Agent({ headersTimeout: PATIENCE_MS, bodyTimeout: PATIENCE_MS });
    const ways: readonly Way[] = [
      { name: 'dispatcher', origin: 'http://web', dispatcher },
      { name: 'gateway', origin: `http://127.0.0.1:${await gateway.listen(0, '127.0.0.1')}`, dispatcher: plain },
    ];
    const pool = peer && balancedPool(http, connections, deadlineMs);
    const asked = pool ? [{ name: 'dispatcher', origin: `http://${http[0]}`, dispatcher: pool }] : ways;
    let unique = 0;

    const ask = async (
      way: Way,
      method: 'GET' | 'PUT' | 'POST',
      path: string,
      body: Buffer | null,
    ): Promise<Buffer> => {
      const response = await request(way.origin + path, {
        dispatcher: way.dispatcher,
        method,
        body,
        bodyTimeout: PATIENCE_MS,
      });
      const bytes = Buffer.from(await response.body.arrayBuffer());
      if (response.statusCode !== 200) throw new Answered(response.statusCode);
      return bytes;
    };

    /** What is read is what the server makes of the id, whole, or it is an error. */
    const get = async (way: Way, worker: number, random: Random): Promise<void> => {
      const id = `${name}-${unique++}`;
      const length = [0, 1, 100, 5_001, 200_000][random.below(5)]!;
      const read = await history.run(
        worker,
        `get-${way.name}`,
        id,
        length,
        () => ask(way, 'GET', `/v/${id}?${length}`, null),
        judge,
      );
      if (read !== undefined && !read.equals(Buffer.alloc(length, id)))
        history.complain('an answer is not what the server sent', { id, length, got: read.length });
    };

    const send = async (way: Way, worker: number, random: Random): Promise<void> => {
      const method = random.below(2) === 0 ? 'PUT' : 'POST';
      const path = `/${method}/${name}-${unique++}`;
      const body = Buffer.alloc([0, 10, 5_000, 60_000, 200_000][random.below(5)]!, path);
      await history.run(worker, `${method}-${way.name}`, path, body.length, () => ask(way, method, path, body), judge);
    };

    /** Comes back as it was sent, or breaks off. */
    const echo = async (worker: number, random: Random): Promise<void> => {
      const id = `${name}-${unique++}`;
      const sent = Buffer.alloc([1, 100, 70_000][random.below(3)]!, id);
      const read = await history.run(
        worker,
        'echo',
        id,
        sent.length,
        () => echoed(proxyPort, sent),
        () => 'unknown',
      );
      if (read !== undefined && !sent.equals(read))
        history.complain('a tunnel returned other bytes', { id, got: read.length });
    };

    return {
      async step(worker, random) {
        const way = asked[random.below(asked.length)]!;
        const which = random.below(pool ? 4 : 5);
        if (which < 2) await get(way, worker, random);
        else if (which < 4) await send(way, worker, random);
        else await echo(worker, random);
      },
      async final() {
        for (const way of asked) {
          const id = `${name}-final-${unique++}`;
          await history.run(0, 'final-get', id, 10, () => ask(way, 'GET', `/v/${id}?10`, null), judge);
        }
        const inflight = (service: string): number =>
          mesh.service(service).endpoints.reduce((sum, endpoint) => sum + endpoint.inflight, 0);
        if (inflight('web') > 0) history.complain('leases are left', inflight('web'));
      },
      async end() {
        await plain.close();
        await pool?.close();
        await gateway.close({ deadlineMs: 1_000 });
        await proxy.close({ deadlineMs: 1_000 });
        await dispatcher.close();
        await mesh.close({ deadlineMs: 1_000 });
      },
    };
  },
};

/** Sends all, and reads until as much has come back. */
function echoed(port: number, sent: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let left = sent.length;
    const socket = connect({ port, host: '127.0.0.1' });
    socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error('nothing came')));
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      left -= chunk.length;
      if (left > 0) return;
      socket.destroy();
      resolve(Buffer.concat(chunks));
    });
    socket.on('close', () => reject(new Error('the tunnel ended early')));
    socket.on('error', reject);
    socket.write(sent);
  });
}
