import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type AddressInfo, Socket } from 'node:net';
import { createServer, TLSSocket } from 'node:tls';
import { withRoutingKey } from 'fairlead';
import { createConnection } from 'fairlead/tcp';
import { describe, expect, it } from 'vitest';
import { makeCertificates } from '../harness/certificates.js';
import { until } from '../harness/until.js';
import { allLeasesEnd, echoing, inflight, meshOf, reads, refusingPort, TcpBackend } from './support.js';

describe('createConnection', () => {
  it('connects by the policy of the service, and leaves endpoints that refuse', async () => {
    await using a = await echoing('a');
    await using b = await echoing('b');
    await using mesh = meshOf([a.port, await refusingPort(), b.port], { policy: 'round_robin', health: [] });
    const seen: string[] = [];
    for (let i = 0; i < 9; i++) {
      const socket = await createConnection(mesh, { service: 'users' });
      expect(socket).toBeInstanceOf(Socket);
      seen.push(await reads(socket));
      socket.destroy();
    }
    expect(new Set(seen)).toEqual(new Set(['a\n', 'b\n']));
    await until('all leases end', allLeasesEnd(mesh));
  });

  it('keeps the lease for as long as the socket lives', async () => {
    await using a = await echoing('a');
    await using mesh = meshOf([a.port]);
    const sockets = await Promise.all([1, 2, 3].map(() => createConnection(mesh, { service: 'users' })));
    expect(inflight(mesh)).toBe(3);
    sockets[0]!.destroy();
    await until('one lease ends', () => inflight(mesh) === 2);
    for (const socket of sockets) socket.resume().end();
    await until('all leases end', allLeasesEnd(mesh));
    expect(mesh.service('users').endpoints[0]!.failures).toBe(0);
  });

  it('takes an endpoint out that refuses, and one that resets, but not one that ends', async () => {
    await using ending = await new TcpBackend((socket) => void socket.end('bye')).listen();
    await using resetting = await new TcpBackend((socket) => void socket.resetAndDestroy()).listen();
    await using mesh = meshOf([ending.port, resetting.port, await refusingPort()], {
      policy: 'round_robin',
      maxEjectionRatio: 1,
      panicThreshold: 0,
    });
    for (let i = 0; i < 40; i++) {
      const socket = await createConnection(mesh, { service: 'users' });
      const closed = once(socket.on('error', () => {}).resume(), 'close');
      await closed;
    }
    expect(mesh.service('users').endpoints.map(({ state }) => state)).toEqual(['ready', 'ejected', 'ejected']);
  });

  it('leaves errors of a socket to its owner', async () => {
    await using resetting = await new TcpBackend((socket) => {
      socket.once('data', () => socket.resetAndDestroy());
    }).listen();
    await using mesh = meshOf([resetting.port]);
    const socket = await createConnection(mesh, { service: 'users' });
    expect(socket.listenerCount('error')).toBe(0);
    socket.write('x');
    await expect(once(socket, 'data')).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  it('keeps a key on its endpoint, by the option and by the context', async () => {
    await using a = await echoing('a');
    await using b = await echoing('b');
    await using mesh = meshOf([a.port, b.port], { affinity: true, policy: 'round_robin' });
    const who = async (key?: string): Promise<string> => {
      const socket = await createConnection(mesh, { service: 'users', ...(key !== undefined && { key }) });
      const id = await reads(socket);
      socket.destroy();
      return id;
    };
    const first = await who('me');
    await who('another');
    for (let i = 0; i < 4; i++) expect(await who('me')).toBe(first);
    for (let i = 0; i < 4; i++) expect(await withRoutingKey('me', () => who())).toBe(first);
  });

  it('speaks TLS, verifying the name it was told', async () => {
    const certificates = await makeCertificates();
    const [cert, key] = await Promise.all([readFile(certificates.certFile), readFile(certificates.keyFile)]);
    const server = createServer({ cert, key }, (socket) => void socket.end('secret')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    await using mesh = meshOf([await refusingPort(), port], { health: [] });
    await using only = meshOf([port]);
    const { ca, name: servername } = certificates;
    const socket = await createConnection(mesh, { service: 'users', tls: { ca, servername } });
    expect(socket).toBeInstanceOf(TLSSocket);
    expect(socket.authorized).toBe(true);
    expect(await reads(socket)).toBe('secret');
    await expect(
      createConnection(only, { service: 'users', tls: { ca, servername: 'other.test' } }),
    ).rejects.toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    socket.destroy();
    await until('all leases end', allLeasesEnd(mesh));
    server.close();
  });

  it('gives up by a signal, which has no power over a connection that came to be', async () => {
    await using a = await echoing('a');
    await using mesh = meshOf([a.port]);
    await using empty = meshOf([]);
    const abort = new AbortController();
    const { signal } = abort;
    const socket = await createConnection(mesh, { service: 'users', signal });
    const waiting = createConnection(empty, { service: 'users', signal });
    abort.abort(new Error('enough'));
    await expect(waiting).rejects.toMatchObject({ code: 'FAIRLEAD_CANCELLED', cause: { message: 'enough' } });
    await expect(createConnection(mesh, { service: 'users', signal })).rejects.toMatchObject({
      code: 'FAIRLEAD_CANCELLED',
    });
    expect(await reads(socket)).toBe('a\n');
    expect(inflight(mesh)).toBe(1);
    socket.destroy();
  });

  it('rejects with the reason where there is no endpoint, or none can be reached', async () => {
    await using empty = meshOf([], { waitForReadyMs: 20 });
    await expect(createConnection(empty, { service: 'users' })).rejects.toMatchObject({ code: 'FAIRLEAD_NO_ENDPOINT' });
    await using mesh = meshOf([await refusingPort(), await refusingPort()]);
    await expect(createConnection(mesh, { service: 'users' })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(inflight(mesh)).toBe(0);
  });
});
