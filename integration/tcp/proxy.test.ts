import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { consecutiveFailures, type Mesh, Outcome } from 'fairlead';
import type { MeshPart } from 'fairlead/adapter';
import type { TcpClient } from 'fairlead/tcp';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { until } from '../harness/until.js';
import {
  allLeasesEnd,
  connected,
  echoing,
  endOf,
  heard,
  inflight,
  meshOf,
  proxyOf,
  reads,
  refusingPort,
  TcpBackend,
} from './support.js';

const partOf = (mesh: Mesh): MeshPart => [...mesh.parts].find(({ kind }) => kind === 'tcp')!;
const figuresOf = (mesh: Mesh) => partOf(mesh).figures!();

/** Its clients' ends, as the server sees them. */
async function listening(options = { allowHalfOpen: true }): Promise<{
  readonly backend: TcpBackend;
  next(): Promise<Socket>;
  [Symbol.asyncDispose](): Promise<void>;
}> {
  const sockets: Socket[] = [];
  const backend = await new TcpBackend((socket) => void sockets.push(socket), options).listen();
  let taken = 0;
  return {
    backend,
    next: () => {
      const mine = taken++;
      return until('the next connection', () => sockets[mine]);
    },
    [Symbol.asyncDispose]: () => backend[Symbol.asyncDispose](),
  };
}

describe('a TCP proxy', () => {
  it('passes connections on by the policy, also where the server speaks first', async () => {
    await using a = await echoing('a');
    await using b = await echoing('b');
    await using mesh = meshOf([a.port, await refusingPort(), b.port], { policy: 'round_robin', health: [] });
    await using proxy = await proxyOf(mesh);
    const seen: string[] = [];
    for (let i = 0; i < 9; i++) {
      const client = await connected(proxy.port);
      seen.push(await reads(client));
      client.write('ping');
      expect(await reads(client)).toBe('ping');
      expect(inflight(mesh)).toBe(1);
      client.end();
      await once(client, 'close');
      await until('all leases end', allLeasesEnd(mesh));
    }
    expect(new Set(seen)).toEqual(new Set(['a\n', 'b\n']));
    expect(figuresOf(mesh)).toMatchObject({
      connections: 0,
      accepted: 9,
      failed: 0,
      reset: 0,
      bytesIn: 36,
      bytesOut: 54,
    });
  });

  it('returns random bytes as they were sent, in any pieces, both ways at once', async () => {
    await using mirror = await new TcpBackend((socket) => void socket.pipe(socket), { allowHalfOpen: true }).listen();
    await using mesh = meshOf([mirror.port]);
    await using proxy = await proxyOf(mesh);
    const pieces = fc.array(fc.uint8Array({ minLength: 1, maxLength: 20_000 }), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(pieces, fc.boolean(), async (chunks, together) => {
        const client = await connected(proxy.port, { allowHalfOpen: true });
        const back = heard(client);
        for (const chunk of chunks) {
          client.write(chunk);
          if (!together) await new Promise((resolve) => setImmediate(resolve));
        }
        client.end();
        expect(await back).toEqual(Buffer.concat(chunks));
      }),
      { numRuns: 40 },
    );
    await until('all leases end', allLeasesEnd(mesh));
    expect(proxy.proxy.connections).toBe(0);
  });

  it('passes the end of one direction on, and the other goes on: first the client, then the server', async () => {
    await using server = await listening();
    await using mesh = meshOf([server.backend.port]);
    await using proxy = await proxyOf(mesh);
    const client = await connected(proxy.port, { allowHalfOpen: true });
    const far = await server.next();
    client.end('last words');
    expect(String(await heard(far))).toBe('last words');
    far.end('an answer after the end');
    expect(String(await heard(client))).toBe('an answer after the end');

    const other = await connected(proxy.port, { allowHalfOpen: true });
    const otherFar = await server.next();
    otherFar.end('goodbye');
    expect(String(await heard(other))).toBe('goodbye');
    other.end('not yet');
    expect(String(await heard(otherFar))).toBe('not yet');
    await until('all leases end', allLeasesEnd(mesh));
    expect(figuresOf(mesh)).toMatchObject({ reset: 0, failed: 0 });
  });

  it("makes a reset of the client a reset of the server's connection, and blames no endpoint", async () => {
    await using server = await listening();
    await using mesh = meshOf([server.backend.port]);
    await using proxy = await proxyOf(mesh);
    const client = await connected(proxy.port);
    const far = await server.next();
    client.write('x');
    await reads(far);
    const seen = once(far, 'error');
    await Promise.all([expect(heard(far)).resolves.toBe('reset'), client.resetAndDestroy()]);
    expect(await seen).toMatchObject([{ code: 'ECONNRESET' }]);
    await until('all leases end', allLeasesEnd(mesh));
    expect(mesh.service('users').endpoints[0]!.failures).toBe(0);
  });

  it('makes a reset of the server a reset of the client, which speaks against the endpoint', async () => {
    await using server = await listening();
    await using mesh = meshOf([server.backend.port]);
    await using proxy = await proxyOf(mesh);
    const client = await connected(proxy.port);
    const far = await server.next();
    const seen = once(client, 'error');
    client.write('x');
    await reads(far);
    far.resetAndDestroy();
    expect(await seen).toMatchObject([{ code: 'ECONNRESET' }]);
    await until('all leases end', allLeasesEnd(mesh));
    expect(mesh.service('users').endpoints[0]!.failures).toBe(1);
    expect(figuresOf(mesh)).toMatchObject({ reset: 1, failed: 1 });
  });

  it.each(['client', 'server'] as const)('reads no faster than a stalled %s takes', async (stalled) => {
    await using server = await listening();
    await using mesh = meshOf([server.backend.port]);
    await using proxy = await proxyOf(mesh);
    const client = await connected(proxy.port);
    const far = await server.next();
    const [from, to] = stalled === 'client' ? [far, client] : [client, far];
    to.pause();
    const all = 64_000_000;
    const chunk = Buffer.alloc(64_000, 'x');
    let sent = 0;
    const feed = (): void => {
      while (sent < all) {
        sent += chunk.length;
        if (!from.write(chunk)) return;
      }
    };
    from.on('drain', feed);
    feed();
    // It has stopped when nothing was taken for a while, wherever that is.
    let before = -1;
    await until('the sender stands still', async () => {
      const still = sent === before;
      before = sent;
      await pause(200);
      return still && sent === before;
    });
    // Four kernel buffers hold what they hold; of 64 MB that is a part.
    expect(sent).toBeLessThan(all / 2);
    let got = 0;
    to.on('data', (data: Buffer) => {
      got += data.length;
    });
    to.resume();
    await until('all of it came', () => got === all);
  });

  it('resets a client for which there is no endpoint, or none that can be reached', async () => {
    await using mesh = meshOf([await refusingPort(), await refusingPort()], { waitForReadyMs: 20 });
    const errors: string[] = [];
    await using proxy = await proxyOf(mesh, {
      service: 'users',
      onError: (error) => {
        errors.push((error as NodeJS.ErrnoException).code ?? '');
        throw new Error('a log that fails');
      },
    });
    expect(await endOf(proxy.port)).toBe('reset');
    await using empty = meshOf([], { waitForReadyMs: 20 });
    await using nowhere = await proxyOf(empty);
    expect(await endOf(nowhere.port)).toBe('reset');
    expect(errors).toEqual(['ECONNREFUSED']);
    expect(figuresOf(mesh)).toMatchObject({ failed: 1, accepted: 1, connections: 0 });
  });

  it('resets what is idle, both sides, and not what moves', async () => {
    await using server = await listening();
    await using mesh = meshOf([server.backend.port]);
    await using proxy = await proxyOf(mesh, { service: 'users', idleTimeout: 400 });
    const [idle, busy] = [await connected(proxy.port), await connected(proxy.port)];
    const [idleFar, busyFar] = [await server.next(), await server.next()];
    const ends = Promise.all([heard(idle), heard(idleFar)]);
    busyFar.resume();
    const moving = setInterval(() => void busy.write('.'), 20);
    try {
      expect(await ends).toEqual(['reset', 'reset']);
      expect(busy.destroyed).toBe(false);
    } finally {
      clearInterval(moving);
    }
    await until('it is closed', () => proxy.proxy.connections === 1);
    expect(figuresOf(mesh)).toMatchObject({ idle: 1, connections: 1 });
    busy.destroy();
  });

  it('takes no more connections than it may, altogether and of one client', async () => {
    await using a = await echoing('a');
    await using mesh = meshOf([a.port]);
    await using proxy = await proxyOf(mesh, { service: 'users', maxConnections: 2 });
    const first = await connected(proxy.port);
    const second = await connected(proxy.port);
    await Promise.all([reads(first), reads(second)]);
    expect(await endOf(proxy.port)).toBe('reset');
    first.end();
    await once(first, 'close');
    await until('there is room', () => proxy.proxy.connections === 1);
    expect(await reads(await connected(proxy.port))).toBe('a\n');
    expect(figuresOf(mesh)).toMatchObject({ refused: 1, accepted: 3 });

    await using narrow = await proxyOf(mesh, { service: 'users', maxConnectionsPerClient: 1 });
    const only = await connected(narrow.port);
    await reads(only);
    expect(await endOf(narrow.port)).toBe('reset');
    only.end();
    await once(only, 'close');
    await until('it left', () => narrow.proxy.connections === 0);
    expect(await reads(await connected(narrow.port))).toBe('a\n');
  });

  it('keeps a client on its endpoint by its address, or by what a function says', async () => {
    await using a = await echoing('a');
    await using b = await echoing('b');
    await using mesh = meshOf([a.port, b.port], { policy: 'round_robin', affinity: true });
    const clients: TcpClient[] = [];
    const who = async (port: number): Promise<string> => {
      const client = await connected(port);
      const id = await reads(client);
      client.destroy();
      return id;
    };
    await using byAddress = await proxyOf(mesh, { service: 'users', key: 'client-ip' });
    const one = new Set<string>();
    for (let i = 0; i < 6; i++) one.add(await who(byAddress.port));
    expect(one.size).toBe(1);
    let turn = 0;
    const key = (client: TcpClient): string => {
      clients.push(client);
      if (turn === 4) throw new Error('no key');
      return `user ${turn++ % 2}`;
    };
    await using byFunction = await proxyOf(mesh, { service: 'users', key });
    const ids: string[] = [];
    for (let i = 0; i < 5; i++) ids.push(await who(byFunction.port));
    expect(ids[0]).not.toBe(ids[1]);
    expect(ids.slice(2, 4)).toEqual(ids.slice(0, 2));
    expect(clients[0]).toMatchObject({
      address: '127.0.0.1',
      port: expect.any(Number),
      serverName: undefined,
      alpn: [],
    });
  });

  it('drains: takes nothing new, lets connections end, and resets the rest at the deadline', async () => {
    await using server = await listening();
    await using mesh = meshOf([server.backend.port]);
    await using proxy = await proxyOf(mesh);
    const ending = await connected(proxy.port, { allowHalfOpen: true });
    const endingFar = await server.next();
    const staying = await connected(proxy.port);
    await server.next();
    const closing = proxy.proxy.close({ deadlineMs: 300 });
    await expect(connected(proxy.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    endingFar.end('done');
    ending.end();
    expect(String(await heard(ending))).toBe('done');
    expect(await heard(staying)).toBe('reset');
    await closing;
    expect(proxy.proxy.connections).toBe(0);
    await until('all leases end', allLeasesEnd(mesh));
    await expect(proxy.proxy.listen({ port: 0 })).rejects.toMatchObject({ code: 'FAIRLEAD_CLOSED' });
    expect(mesh.parts.size).toBe(0);
  });

  it('ends with its mesh, within the deadline of that', async () => {
    await using server = await listening();
    const mesh = meshOf([server.backend.port]);
    const proxy = await proxyOf(mesh);
    const client = await connected(proxy.port);
    await server.next();
    const ended = heard(client);
    await mesh.close({ deadlineMs: 100 });
    expect(await ended).toBe('reset');
    expect(proxy.proxy.connections).toBe(0);
  });

  it('lets an ejected endpoint keep its connections, and sends it no new ones', async () => {
    await using a = await echoing('a');
    await using b = await echoing('b');
    await using mesh = meshOf([a.port, b.port], { policy: 'round_robin' });
    await using proxy = await proxyOf(mesh);
    const clients = await Promise.all([connected(proxy.port), connected(proxy.port)]);
    const ids = await Promise.all(clients.map(reads));
    const service = mesh.service('users');
    const out = service.endpoints[0]!;
    for (let i = 0; i < 10; i++) service.reportProbe(out, Outcome.ConnectFailure);
    expect(out.state).toBe('ejected');
    for (let i = 0; i < 4; i++) {
      const client = await connected(proxy.port);
      expect(await reads(client)).toBe('b\n');
      client.destroy();
    }
    const old = clients[ids.indexOf('a\n')]!;
    old.write('still here');
    expect(await reads(old)).toBe('still here');
    for (const client of clients) client.destroy();
  });

  it('takes an endpoint back as soon as a connection to it comes to be, not when that ends', async () => {
    await using a = await echoing('a');
    await using b = await echoing('b');
    await using mesh = meshOf([a.port, b.port], { health: [consecutiveFailures({ failures: 2, baseEjectionMs: 50 })] });
    await using proxy = await proxyOf(mesh);
    const service = mesh.service('users');
    const endpoint = service.endpoints[0]!;
    for (let i = 0; i < 2; i++) service.reportProbe(endpoint, Outcome.ConnectFailure);
    expect(endpoint.state).toBe('ejected');
    await until('it may return', () => endpoint.state === 'probing');
    const client = await connected(proxy.port);
    expect(await reads(client)).toBe('a\n');
    expect(endpoint).toMatchObject({ state: 'ready', inflight: 1 });
    client.destroy();
  });
});
