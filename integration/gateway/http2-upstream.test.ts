import { once } from 'node:events';
import { constants } from 'node:http2';
import { createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { inflight, rawServer, refusingPort } from '../http/support.js';
import { echo, eventually, Http2Client, Http2Origin } from './http2-support.js';
import { gatewayOver, RawClient } from './support.js';

const { NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR, NGHTTP2_NO_ERROR, NGHTTP2_REFUSED_STREAM } = constants;

const H2 = { upstreams: { users: { protocol: 'h2' } } } as const;
/** Not served by the policy's turn: the first endpoint, and the second where the first fails. */
const TWICE = { policy: 'round_robin' } as const;

describe('HTTP/2 to a service', () => {
  it('serves clients of HTTP/1.1, with one :authority, no Host and no header of a connection', async () => {
    await using origin = await Http2Origin.of(echo);
    await using running = await gatewayOver([origin.port], H2);
    using client = await RawClient.to(running.port);
    client.send(
      'POST /a?b=c HTTP/1.1\r\nHost: users.example\r\nTransfer-Encoding: chunked\r\nConnection: x-hop, keep-alive\r\n' +
        'X-Hop: 1\r\nTE: trailers, gzip\r\nCookie: a=1\r\nCookie: b=2\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
    );
    const { status, head, body } = await client.response();
    expect([status, body]).toEqual([200, '5\r\nhello\r\n0\r\n\r\n']);
    expect(head).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(head.toLowerCase()).toContain('via: 2 gw');
    const { last } = origin;
    expect(last).toMatchObject({ ':method': 'POST', ':path': '/a?b=c', ':scheme': 'http' });
    expect(last).toMatchObject({ ':authority': 'users.example', cookie: 'a=1; b=2', te: 'trailers', via: '1.1 gw' });
    for (const name of ['host', 'connection', 'x-hop', 'transfer-encoding']) expect(last[name]).toBeUndefined();
    expect(inflight(running.mesh)).toBe(0);
  });

  it('and those of HTTP/2, over one connection', async () => {
    await using origin = await Http2Origin.of(echo);
    await using running = await gatewayOver([origin.port], H2);
    await using client = new Http2Client(running.url);
    const replies = await Promise.all(
      Array.from({ length: 50 }, (_, i) => client.ask({ ':method': 'POST', ':path': `/${i}` }, `body ${i}`)),
    );
    expect(replies.map(({ body }) => body)).toEqual(Array.from({ length: 50 }, (_, i) => `body ${i}`));
    expect(origin.connections).toBe(1);
  });

  it('RFC 9113, 5.1.2: begins no more requests than an endpoint allows, and others wait or take a connection more', async () => {
    let open = 0;
    let most = 0;
    await using origin = await Http2Origin.of(
      async (stream) => {
        most = Math.max(most, ++open);
        await pause(10);
        open--;
        stream.respond({ ':status': 200 });
        stream.end('ok');
      },
      { settings: { maxConcurrentStreams: 3 } },
    );
    await using running = await gatewayOver([origin.port], {
      upstreams: { users: { protocol: 'h2', connections: 2 } },
    });
    await using client = new Http2Client(running.url);
    const replies = await Promise.all(Array.from({ length: 40 }, () => client.ask()));
    expect(replies.every(({ status }) => status === 200)).toBe(true);
    expect(most).toBeLessThanOrEqual(6);
    expect(origin.connections).toBe(2);
  });

  it('RFC 9113, 8.7: a request that was refused goes elsewhere, whatever its method', async () => {
    await using refuses = await Http2Origin.of((stream) => stream.close(NGHTTP2_REFUSED_STREAM));
    await using serves = await Http2Origin.of(echo);
    await using running = await gatewayOver([refuses.port, serves.port], H2, TWICE);
    await using client = new Http2Client(running.url);
    for (let i = 0; i < 6; i++) {
      expect(await client.ask({ ':method': 'POST' }, `body ${i}`)).toMatchObject({ status: 200, body: `body ${i}` });
    }
    expect(refuses.requests.length).toBeGreaterThan(0);
    expect(inflight(running.mesh)).toBe(0);
  });

  it('RFC 9113, 6.8: a request behind the last one of a GOAWAY goes elsewhere, and one before it does not', async () => {
    const first: string[] = [];
    await using leaves = await Http2Origin.of((stream, headers) => {
      // Of what came it processed the first, and nothing after it.
      if (first.length === 0) stream.session?.goaway(NGHTTP2_INTERNAL_ERROR, stream.id);
      first.push(String(headers[':path']));
    });
    await using serves = await Http2Origin.of(echo);
    await using running = await gatewayOver([leaves.port, serves.port], H2, TWICE);
    await using client = new Http2Client(running.url);
    const paths = ['/a', '/b', '/c', '/d', '/e', '/f'];
    const replies = await Promise.all(paths.map((path) => client.ask({ ':method': 'POST', ':path': path }, path)));
    const lost = paths.filter((_, i) => replies[i]!.status !== 200);
    expect(lost).toEqual([first[0]]);
    expect(serves.requests.map((headers) => headers[':path']).sort()).toEqual(paths.filter((path) => path !== lost[0]));
  });

  it('RFC 9113, 6.8: what is in progress at a graceful GOAWAY ends well, and new ones take another connection', async () => {
    await using origin = await Http2Origin.of(async (stream, headers) => {
      if (headers[':path'] === '/slow') {
        stream.session?.close();
        await pause(100);
      }
      stream.respond({ ':status': 200 });
      stream.end('ok');
    });
    await using running = await gatewayOver([origin.port], H2);
    await using client = new Http2Client(running.url);
    const slow = client.ask({ ':path': '/slow' });
    await eventually(() => origin.requests.length === 1, 'the slow one');
    await pause(20);
    expect(await client.ask({ ':method': 'POST' }, 'x')).toMatchObject({ status: 200 });
    expect(await slow).toMatchObject({ status: 200, body: 'ok' });
    expect(origin.connections).toBe(2);
  });

  it('a request that was sent and lost is made again if it is idempotent, and not otherwise', async () => {
    await using dies = await Http2Origin.of((stream) => stream.session?.destroy());
    await using serves = await Http2Origin.of(echo);
    await using running = await gatewayOver([dies.port, serves.port], H2, TWICE);
    await using client = new Http2Client(running.url);
    const put = [];
    for (let i = 0; i < 4; i++) put.push(await client.ask({ ':method': 'PUT' }, 'kept'));
    expect(put.map(({ status, body }) => [status, body])).toEqual(Array(4).fill([200, 'kept']));
    expect(serves.requests.map((headers) => headers['x-fairlead-attempt'])).toContain('2');
    const before = dies.requests.length;
    const post = [];
    for (let i = 0; i < 4; i++) post.push((await client.ask({ ':method': 'POST' }, 'once')).status);
    expect(post.sort()).toEqual([200, 200, 502, 502]);
    expect(dies.requests.length - before).toBe(2);
  });

  it('an endpoint that refuses connections, or accepts and is silent, costs no request', async () => {
    const silent = await rawServer(() => {});
    await using serves = await Http2Origin.of(echo);
    await using running = await gatewayOver(
      [await refusingPort(), silent.port, serves.port],
      { upstreams: { users: { protocol: 'h2', connectTimeout: 100 } } },
      { policy: 'round_robin', resilience: { retry: { maxAttempts: 3 } } },
    );
    await using client = new Http2Client(running.url);
    for (let i = 0; i < 5; i++) expect((await client.ask({ ':method': 'POST' }, 'x')).status).toBe(200);
    silent.close();
  });

  it('a server of HTTP/1.1 is 502', async () => {
    const old = createServer((socket) => void socket.on('error', () => {}).end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    await once(old.listen(0, '127.0.0.1'), 'listening');
    await using running = await gatewayOver([(old.address() as { port: number }).port], H2);
    await using client = new Http2Client(running.url);
    expect((await client.ask()).status).toBe(502);
    old.close();
  });

  it.each([NGHTTP2_INTERNAL_ERROR, NGHTTP2_NO_ERROR, NGHTTP2_CANCEL])(
    'a response that the service resets (%i) never looks whole, to either kind of client',
    async (code) => {
      await using origin = await Http2Origin.of((stream) => {
        stream.respond({ ':status': 200 }, { waitForTrailers: true });
        stream.write('half');
        setTimeout(() => stream.close(code), 20);
      });
      await using running = await gatewayOver([origin.port], H2);
      await using client = new Http2Client(running.url);
      const reply = await client.ask();
      expect(reply).toMatchObject({ status: 200, body: 'half' });
      expect(reply.code).not.toBe(NGHTTP2_NO_ERROR);
      using raw = await RawClient.to(running.port);
      const text = await raw.send('GET / HTTP/1.1\r\nHost: h\r\n\r\n').end();
      expect(text).toContain('half');
      expect(text).not.toContain('\r\n0\r\n\r\n');
    },
  );

  it('an upload that a client takes back is taken back, and never looks whole', async () => {
    let ended = false;
    let code: number | undefined;
    await using origin = await Http2Origin.of((stream) => {
      const { push } = stream;
      stream.push = (chunk: unknown) => {
        if (chunk === null && !stream.closed) ended = true;
        return push.call(stream, chunk);
      };
      stream.resume().on('close', () => {
        code = stream.rstCode;
      });
    });
    await using running = await gatewayOver([origin.port], H2);
    await using client = new Http2Client(running.url);
    const stream = client.stream({ ':method': 'POST' });
    stream.write('half');
    await eventually(() => origin.requests.length === 1, 'the request');
    stream.close(NGHTTP2_CANCEL);
    await eventually(() => code !== undefined, 'its end');
    expect([ended, code]).toEqual([false, NGHTTP2_CANCEL]);
    await eventually(() => inflight(running.mesh) === 0, 'no lease');
    using raw = await RawClient.to(running.port);
    code = undefined;
    raw.send('POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf');
    await eventually(() => origin.requests.length === 2, 'the request');
    raw.socket.destroy();
    await eventually(() => code !== undefined, 'its end');
    expect([ended, code]).toEqual([false, NGHTTP2_CANCEL]);
  });

  it('passes on interim responses and trailers, to clients of HTTP/1.1 that ask for them', async () => {
    await using origin = await Http2Origin.of((stream) => {
      stream.additionalHeaders({ ':status': 103, link: '</a>' });
      stream.respond({ ':status': 200, trailer: 'x-sum' }, { waitForTrailers: true });
      stream.once('wantTrailers', () => stream.sendTrailers({ 'x-sum': '7' }));
      stream.end('ok');
    });
    await using running = await gatewayOver([origin.port], H2);
    await using client = new Http2Client(running.url);
    expect(await client.ask()).toMatchObject({ interim: [103], body: 'ok', trailers: { 'x-sum': '7' } });
    using raw = await RawClient.to(running.port);
    raw.send('GET / HTTP/1.1\r\nHost: h\r\nTE: trailers\r\nConnection: TE\r\n\r\n');
    const text = await raw.until((received) => received.includes('x-sum: 7'));
    expect(text).toMatch(/^HTTP\/1\.1 103 [\s\S]*HTTP\/1\.1 200 OK[\s\S]*\r\n2\r\nok\r\n0\r\nx-sum: 7\r\n\r\n$/);
    const { status, headers } = await client.ask({ ':method': 'HEAD' });
    expect([status, headers['x-sum']]).toEqual([200, undefined]);
  });

  it('asks by PING whether an endpoint is there while it has requests, and gives up one that is silent', async () => {
    const silent = await rawServer((socket) => {
      // SETTINGS, and not a word more.
      if (socket.bytesWritten === 0) socket.write(Buffer.from('000000040000000000', 'hex'));
    });
    await using running = await gatewayOver([silent.port], {
      upstreams: { users: { protocol: 'h2', http2: { pingIntervalMs: 50, pingTimeoutMs: 100 } } },
    });
    await using client = new Http2Client(running.url);
    expect((await client.ask({ ':method': 'POST' }, 'x')).status).toBeGreaterThanOrEqual(502);
    silent.close();
  });

  it('closes connections that are idle, and those of an endpoint that left', async () => {
    await using origin = await Http2Origin.of(echo);
    await using running = await gatewayOver([origin.port], {
      upstreams: { users: { protocol: 'h2', http2: { idleMs: 50 } } },
    });
    await using client = new Http2Client(running.url);
    expect((await client.ask()).status).toBe(200);
    await eventually(() => origin.sessions.size === 0, 'the end of the connection');
    expect((await client.ask()).status).toBe(200);
    expect(origin.connections).toBe(2);
  });
});
