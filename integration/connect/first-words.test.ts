import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createMesh, type Mesh, staticResolver } from 'fairlead';
import { createFairleadTransport } from 'fairlead/connect';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Echo, type EchoServer, startEchoServers } from './support.js';

let echo: EchoServer;
let mesh: Mesh;
let mute: Server;
let received: Buffer;
/** What a server that never speaks does with a connection. */
let taken: (socket: Socket) => void;

beforeEach(async () => {
  [echo] = (await startEchoServers('well')) as [EchoServer];
  received = Buffer.alloc(0);
  mute = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      received = Buffer.concat([received, bytes]);
    });
    taken(socket);
  }).listen(0, '127.0.0.1');
  await once(mute, 'listening');
});
afterEach(async () => {
  await mesh.close({ deadlineMs: 100 });
  await echo.kill();
  mute.close();
});

const muteEndpoint = (): { id: string; host: string; port: number } => ({
  id: 'mute',
  host: '127.0.0.1',
  port: (mute.address() as AddressInfo).port,
});

/** The HTTP/2 frames of type HEADERS (1) after the preface of the client. */
function headersFrames(bytes: Buffer): number {
  let count = 0;
  for (let at = 24; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3)) if (bytes[at + 3] === 1) count++;
  return count;
}

describe.each(['grpc', 'connect'] as const)('over %s', (protocol) => {
  const client = (...endpoints: { id: string; host: string; port: number }[]) => {
    mesh = createMesh({
      resolver: staticResolver({ echo: endpoints }),
      services: { echo: { policy: 'round_robin', health: [] } },
    });
    return createClient(Echo, createFairleadTransport(mesh, { service: 'echo', protocol }));
  };

  it('a write is not lost to a server that takes connections and hangs up', async () => {
    // Some bytes are read first: what was sent with the preface would be among them.
    taken = (socket) => socket.once('data', () => setTimeout(() => socket.end(), 20));
    const writing = client(muteEndpoint(), echo.endpoint);
    for (let i = 0; i < 6; i++) expect(await writing.write({ value: 'x' })).toMatchObject({ value: 'well' });
    expect(received.length).toBeGreaterThan(24);
    expect(headersFrames(received)).toBe(0);
  });

  it('says so where nobody else is there', async () => {
    taken = (socket) => socket.once('data', () => socket.end());
    const failed = ConnectError.from(
      await client(muteEndpoint())
        .write({ value: 'x' })
        .catch((error) => error),
    );
    expect(failed).toMatchObject({ code: Code.Unavailable });
    expect(failed.rawMessage).toMatch(/hung up before its first word of HTTP\/2/);
  });

  it('one that stays silent has nothing sent to it until the deadline', async () => {
    taken = () => {};
    const writing = client(muteEndpoint()).write({ value: 'x' }, { timeoutMs: 300 });
    await expect(writing).rejects.toMatchObject({ code: Code.DeadlineExceeded });
    expect(headersFrames(received)).toBe(0);
  });
});
