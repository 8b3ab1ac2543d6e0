import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo, Server, Socket } from 'node:net';
import { type ActiveCheck, grpcCheck, httpCheck } from 'fairlead';
import { afterEach, describe, expect, it } from 'vitest';

const open: { readonly server: Server; readonly sockets: Set<Socket> }[] = [];

/** Listens, and is taken down after the test. */
async function listening(server: Server): Promise<{ port: number; sockets: Set<Socket> }> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  open.push({ server, sockets });
  return { port: (server.address() as AddressInfo).port, sockets };
}

afterEach(() => {
  for (const { server, sockets } of open.splice(0)) {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
});

/** What the check says of the port: '' for well, else why not. */
async function asked(check: ActiveCheck, port: number, signal = new AbortController().signal): Promise<string> {
  try {
    await check.ask({ host: '127.0.0.1', port }, signal);
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

describe('an HTTP check', () => {
  const answering =
    (status: number): RequestListener =>
    (_, response) =>
      void response.writeHead(status).end();

  it.each([
    [undefined, 200, ''],
    [undefined, 299, ''],
    [undefined, 300, 'GET / answered with status 300'],
    [undefined, 199 + 305, 'GET / answered with status 504'],
    [[404], 404, ''],
    [[404, [500, 502]], 502, ''],
    [[404, [500, 502]], 500, ''],
    [[404, [500, 502]], 503, 'GET / answered with status 503'],
    [[404], 200, 'GET / answered with status 200'],
  ] as const)('that expects %j takes %d for %j', async (expected, status, said) => {
    const { port } = await listening(createServer(answering(status)));
    expect(await asked(httpCheck(expected && { expect: expected }), port)).toBe(said);
  });

  it('asks by its method, path and headers, at its own port, without a body, and hangs up', async () => {
    const seen: Pick<IncomingMessage, 'method' | 'url' | 'headers'>[] = [];
    const { port, sockets } = await listening(
      createServer((request, response) => {
        seen.push(request);
        // Endless: the check must not wait for the rest.
        response.writeHead(200).write('x');
      }),
    );
    const check = httpCheck({
      method: 'POST',
      path: '/ready?full=1',
      headers: { host: 'users', 'x-check': 'a' },
      port,
    });
    expect(await asked(check, 1)).toBe('');
    expect(seen.map(({ method, url, headers }) => [method, url, headers.host, headers['x-check']])).toEqual([
      ['POST', '/ready?full=1', 'users', 'a'],
    ]);
    await expect.poll(() => sockets.size).toBe(0);
  });

  it('says why there is no connection, and gives up when it is told to', async () => {
    const { port } = await listening(createServer(() => {}));
    const gone = open.at(-1)!.server;
    const giveUp = new AbortController();
    const waiting = asked(httpCheck(), port, giveUp.signal);
    await once(gone, 'request');
    giveUp.abort();
    expect(await waiting).toMatch(/aborted/);
    gone.close();
    await expect.poll(() => asked(httpCheck(), port)).toMatch(/ECONNREFUSED/);
  });
});

/** A health service: what it was asked, and how it answers. */
async function health(
  answer: (stream: ServerHttp2Stream) => void,
): Promise<{ port: number; sockets: Set<Socket>; asks: { headers: Record<string, unknown>; body: string }[] }> {
  const asks: { headers: Record<string, unknown>; body: string }[] = [];
  const server = createHttp2Server();
  server.on('stream', (stream, headers) => {
    const chunks: Buffer[] = [];
    stream.on('error', () => {});
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      asks.push({ headers, body: Buffer.concat(chunks).toString('hex') });
      answer(stream);
    });
  });
  return { ...(await listening(server as unknown as Server)), asks };
}

/** A message in its frame, and the status that follows it. */
const says =
  (message: string, status = '0') =>
  (stream: ServerHttp2Stream): void => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': status }));
    const bytes = Buffer.from(message, 'hex');
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(bytes.length, 1);
    stream.end(Buffer.concat([prefix, bytes]));
  };
const only =
  (headers: Record<string, string | number>) =>
  (stream: ServerHttp2Stream): void => {
    stream.respond(headers, { endStream: true });
  };

describe('a gRPC check', () => {
  it.each<[string, (stream: ServerHttp2Stream) => void, string]>([
    ['SERVING', says('0801'), ''],
    ['NOT_SERVING', says('0802'), 'the server says NOT_SERVING of itself'],
    ['UNKNOWN, as an empty message has it', says(''), 'the server says UNKNOWN of itself'],
    ['a status that there is not', says('0809'), 'the server answered the health check with something else'],
    ['SERVING, and fails', says('0801', '13'), 'the server answered the health check with gRPC status 13'],
    [
      'NOT_FOUND in its headers',
      only({ ':status': 200, 'grpc-status': '5' }),
      'the server says SERVICE_UNKNOWN of itself',
    ],
    ['UNIMPLEMENTED', only({ ':status': 200, 'grpc-status': '12' }), ''],
    ['as HTTP does', only({ ':status': 404 }), 'the server answered the health check with HTTP status 404'],
    ['with too much', says('08'.repeat(2_000)), 'the server answers the health check with too much'],
  ])('of a server that says %s', async (_, answer, said) => {
    const { port, sockets } = await health(answer);
    expect(await asked(grpcCheck(), port)).toBe(said);
    await expect.poll(() => sockets.size).toBe(0);
  });

  it('asks the standard service by a unary call, about the service that it is given, at its own port', async () => {
    const { port, asks } = await health(says('0802'));
    const check = grpcCheck({ service: 'users', port });
    expect(await asked(check, 1)).toBe("the server says NOT_SERVING of service 'users'");
    const [{ headers, body } = { headers: {}, body: '' }] = asks;
    expect([headers[':method'], headers[':path'], headers['content-type'], headers.te]).toEqual([
      'POST',
      '/grpc.health.v1.Health/Check',
      'application/grpc',
      'trailers',
    ]);
    // A frame of 7 bytes: field 1, 5 bytes, 'users'.
    expect(body).toBe(`00000000070a05${Buffer.from('users').toString('hex')}`);
  });

  it('gives up when it is told to, before and while it asks, and lets go of its connection', async () => {
    const { port, sockets, asks } = await health(() => {});
    const giveUp = new AbortController();
    const waiting = asked(grpcCheck(), port, giveUp.signal);
    await expect.poll(() => asks.length).toBe(1);
    giveUp.abort(new Error('late'));
    expect(await waiting).toBe('late');
    expect(await asked(grpcCheck(), port, AbortSignal.abort(new Error('at once')))).toBe('at once');
    await expect.poll(() => sockets.size).toBe(0);
    expect(asks).toHaveLength(1);
  });

  it('says why there is no connection', async () => {
    const { port } = await health(() => {});
    open.at(-1)!.server.close();
    await expect.poll(() => asked(grpcCheck(), port)).toMatch(/ECONNREFUSED/);
  });

  it('by a probe of its own asks that one, and refuses tls beside it', async () => {
    const calls: unknown[] = [];
    const probe = async (target: unknown, service: string): Promise<'SERVING'> => {
      calls.push([target, service]);
      return 'SERVING';
    };
    expect(await asked(grpcCheck({ probe, service: 'a', port: 7 }), 1)).toBe('');
    expect(calls).toEqual([[{ host: '127.0.0.1', port: 7 }, 'a']]);
    expect(() => grpcCheck({ probe, tls: true })).toThrow(/grpcCheck\.tls.*none with a probe of your own/);
  });
});

describe('what decides whether checks ask the same', () => {
  it('is what they ask, not the object; a probe of their own is never the same', () => {
    expect(httpCheck({ path: '/a' }).identity).toBe(httpCheck({ path: '/a' }).identity);
    expect(httpCheck({ path: '/a' }).identity).not.toBe(httpCheck({ path: '/b' }).identity);
    expect(grpcCheck().identity).toBe(grpcCheck().identity);
    expect(grpcCheck().identity).not.toBe(httpCheck().identity);
    expect(grpcCheck({ probe: async () => 'SERVING' }).identity).toBeUndefined();
  });
});
