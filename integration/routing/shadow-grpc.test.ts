import { once } from 'node:events';
import { Client, credentials, Metadata, Server, ServerCredentials, type ServiceError, status } from '@grpc/grpc-js';
import { createMesh, staticResolver } from 'fairlead';
import { registerGrpc } from 'fairlead/grpc';
import { routeCalls, type ShadowComparison, type ShadowOptions } from 'fairlead/routing';
import { afterEach, describe, expect, it } from 'vitest';
import { until } from '../harness/until.js';

const bytes = (value: Buffer): Buffer => value;
const method = (name: string, requestStream: boolean, responseStream: boolean) => ({
  path: `/shop.Stock/${name}`,
  requestStream,
  responseStream,
  requestSerialize: bytes,
  requestDeserialize: bytes,
  responseSerialize: bytes,
  responseDeserialize: bytes,
});

interface Seen {
  readonly method: string;
  readonly request: string;
  readonly metadata: Metadata;
}

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

/** What it saw; `answer` answers in its place. */
async function startServer(id: string, version: string, answer?: (done: (code: status | 0) => void) => void) {
  const seen: Seen[] = [];
  let cancelled = 0;
  const see = (name: string, call: { metadata: Metadata }, request: Buffer): void => {
    seen.push({ method: name, request: request.toString(), metadata: call.metadata });
  };
  const unary =
    (name: string) =>
    // biome-ignore lint/suspicious/noExplicitAny: the handlers of grpc-js, by hand.
    (call: any, callback: any): void => {
      see(name, call, call.request);
      call.on('cancelled', () => cancelled++);
      if (answer === undefined) callback(null, Buffer.from(id));
      else answer((code) => callback(code === 0 ? null : { code }, Buffer.from(id)));
    };
  const server = new Server();
  server.addService(
    {
      Get: method('Get', false, false),
      Order: method('Order', false, false),
      Watch: method('Watch', false, true),
      Sum: method('Sum', true, false),
    },
    {
      Get: unary('Get'),
      Order: unary('Order'),
      // biome-ignore lint/suspicious/noExplicitAny: as above.
      Watch: (call: any) => {
        see('Watch', call, call.request);
        call.on('cancelled', () => cancelled++);
        for (const each of ['1', '2', '3']) call.write(Buffer.from(each));
      },
      // biome-ignore lint/suspicious/noExplicitAny: as above.
      Sum: (call: any, callback: any) => {
        see('Sum', call, Buffer.from(''));
        call.resume();
        call.on('end', () => callback(null, Buffer.from(id)));
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  open.push(() => server.forceShutdown());
  return {
    seen,
    get cancelled() {
      return cancelled;
    },
    instance: { id, host: '127.0.0.1', port, meta: { version } },
  };
}

type TestServer = Awaited<ReturnType<typeof startServer>>;

/** A client of `users` that copies all idempotent calls from `old` to `fresh`. */
function connect(old: TestServer, fresh: { readonly instance: object }, options: Partial<ShadowOptions> = {}) {
  const mesh = createMesh({ resolver: staticResolver({ users: [old.instance, fresh.instance as never] }) });
  const idempotent = ['Get', 'Watch', 'Sum'].map((name) => ({ service: 'shop.Stock', method: name }));
  registerGrpc(mesh, { defaults: { serviceConfig: { methodConfig: [{ name: idempotent, idempotent: true }] } } });
  open.push(() => mesh.close({ deadlineMs: 0 }));
  const compared: ShadowComparison[] = [];
  const routing = routeCalls(mesh.service('users'), {
    split: { name: 'users', arms: { v2: { share: 0, version: '2' } } },
    shadow: { arm: 'v2', share: 100, maxInflight: 1_000, compare: (each) => compared.push(each), ...options },
  });
  const client = new Client('fairlead:///users', credentials.createInsecure());
  open.push(() => client.close());
  const get = (name: string, request: Buffer, metadata = new Metadata(), deadlineMs = 5_000): Promise<string> =>
    new Promise((resolve, reject) => {
      const done = (error: ServiceError | null, answer?: Buffer) => (error ? reject(error) : resolve(`${answer}`));
      const deadline = Date.now() + deadlineMs;
      client.makeUnaryRequest(`/shop.Stock/${name}`, bytes, bytes, request, metadata, { deadline }, done);
    });
  return { mesh, routing, client, get, compared };
}

describe('a shadow over gRPC', () => {
  it('gets the bytes and the metadata of idempotent calls, marked, and never answers', async () => {
    const old = await startServer('old', '1');
    const fresh = await startServer('new', '2', (done) => done(status.INTERNAL));
    const { mesh, routing, get, compared } = connect(old, fresh);
    const metadata = new Metadata();
    metadata.set('x-user', 'ada');
    for (let i = 0; i < 20; i++) {
      expect(await get('Get', Buffer.from(`get ${i}`), metadata)).toBe('old');
      expect(await get('Order', Buffer.from(`order ${i}`), metadata)).toBe('old');
    }
    await until('all copies have ended', () => routing.status.shadow?.failed === 20);
    expect(routing.status.shadow).toEqual({ sent: 20, dropped: 0, answered: 0, failed: 20, differed: 20, inflight: 0 });
    expect(old.seen).toHaveLength(40);
    expect(old.seen.some((each) => each.metadata.get('fairlead-shadow').length > 0)).toBe(false);
    expect(fresh.seen.map(({ request }) => request)).toEqual(Array.from({ length: 20 }, (_, i) => `get ${i}`));
    for (const each of fresh.seen) {
      expect(each.metadata.get('fairlead-shadow')).toEqual(['1']);
      expect(each.metadata.get('x-user')).toEqual(['ada']);
    }
    expect(compared).toHaveLength(20);
    for (const { call, shadow } of compared) {
      expect([call?.outcome, shadow.outcome]).toEqual(['success', 'failure']);
      expect(call?.ms).toBeGreaterThan(0);
    }
    expect(mesh.service('users').endpoints.map(({ state, failures, inflight }) => [state, failures, inflight])).toEqual(
      [
        ['ready', 0, 0],
        ['ready', 0, 0],
      ],
    );
  });

  it('that hangs holds no caller and no more than its room, and ends with the mesh', async () => {
    const old = await startServer('old', '1');
    const fresh = await startServer('new', '2', () => {});
    const { mesh, routing, get } = connect(old, fresh, { maxInflight: 3, deadlineMs: 60_000 });
    for (let i = 0; i < 10; i++) expect(await get('Get', Buffer.from(`${i}`))).toBe('old');
    expect(routing.status.shadow).toMatchObject({ sent: 3, dropped: 7, inflight: 3 });
    await until('they are there', () => fresh.seen.length === 3);
    await mesh.close();
    expect(routing.status.shadow).toMatchObject({ inflight: 0 });
    await until('they are given up', () => fresh.cancelled === 3);
  });

  it('is given up after its deadline', async () => {
    const old = await startServer('old', '1');
    const fresh = await startServer('new', '2', () => {});
    const { routing, get, compared } = connect(old, fresh, { deadlineMs: 50 });
    expect(await get('Get', Buffer.from(''))).toBe('old');
    await until('it is given up', () => fresh.cancelled === 1);
    expect(routing.status.shadow).toMatchObject({ sent: 1, failed: 1, differed: 1, inflight: 0 });
    expect(compared[0]?.shadow.outcome).toBe('timeout');
  });

  it('gets no stream of requests, no large one, no copy that was handed on, and one stream of answers', async () => {
    const old = await startServer('old', '1');
    const fresh = await startServer('new', '2');
    const { routing, client, get } = connect(old, fresh);
    const sum = await new Promise<Buffer>((resolve, reject) => {
      const call = client.makeClientStreamRequest('/shop.Stock/Sum', bytes, bytes, (error, answer) =>
        error ? reject(error) : resolve(answer!),
      );
      for (const each of ['1', '2']) call.write(Buffer.from(each));
      call.end();
    });
    expect(sum.toString()).toBe('old');
    expect(await get('Get', Buffer.alloc(64 * 1024))).toBe('old');
    const copy = new Metadata();
    copy.set('fairlead-shadow', '1');
    expect(await get('Get', Buffer.from(''), copy)).toBe('old');
    expect(routing.status.shadow).toMatchObject({ sent: 0, dropped: 0 });

    for (let i = 0; i < 2; i++) {
      const watch = client.makeServerStreamRequest('/shop.Stock/Watch', bytes, bytes, Buffer.from('w'));
      watch.on('error', () => {});
      await once(watch, 'data');
      if (i === 0) await until('the copy ends at its second message', () => fresh.cancelled === 1);
      watch.cancel();
    }
    expect(fresh.seen.map((each) => each.method)).toEqual(['Watch']);
    expect(routing.status.shadow).toMatchObject({ sent: 1, inflight: 0 });
  });

  it('that is not connected is left out, and counted', async () => {
    const old = await startServer('old', '1');
    const { routing, get } = connect(old, {
      instance: { ...old.instance, id: 'gone', port: 1, meta: { version: '2' } },
    });
    expect(await get('Get', Buffer.from(''))).toBe('old');
    expect(routing.status.shadow).toMatchObject({ sent: 0, dropped: 1 });
  });
});
