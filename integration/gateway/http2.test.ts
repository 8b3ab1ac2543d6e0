import { once } from 'node:events';
import { createServer } from 'node:http';
import { constants } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { inflight, saysWho } from '../http/support.js';
import { eventually, Http2Client, replyOf } from './http2-support.js';
import { Origin } from './origin.js';
import { gatewayOver, RawClient } from './support.js';

const { NGHTTP2_CANCEL, NGHTTP2_NO_ERROR, NGHTTP2_PROTOCOL_ERROR } = constants;

describe('HTTP/2 from a client', () => {
  it('is understood on the port of HTTP/1.1, by its first bytes', async () => {
    await using a = await saysWho('a');
    await using running = await gatewayOver([a.port]);
    await using client = new Http2Client(running.url);
    const reply = await client.ask({ ':path': '/x?y=1', ':method': 'POST' }, 'hello');
    expect(reply.status).toBe(200);
    expect(JSON.parse(reply.body)).toMatchObject({ id: 'a', method: 'POST', url: '/x?y=1', body: 'hello' });
    expect((await fetch(`${running.url}/x`)).status).toBe(200);
    expect(inflight(running.mesh)).toBe(0);
  });

  it('is not understood where it is switched off', async () => {
    await using a = await saysWho('a');
    await using running = await gatewayOver([a.port], { http2: false });
    await using client = new Http2Client(running.url);
    expect((await client.ask()).status).toBe(0);
    expect((await fetch(running.url)).status).toBe(200);
  });

  it('may begin byte by byte, and a client of HTTP/1.1 with the first letters of HTTP/2', async () => {
    await using a = await saysWho('a');
    await using running = await gatewayOver([a.port]);
    using raw = await RawClient.to(running.port);
    const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0';
    for (const letter of preface) {
      raw.send(letter);
      await pause(1);
    }
    // SETTINGS, and their acknowledgement.
    await raw.until((text) => text.includes('\x04\x01\0\0\0\0'));
    expect(raw.closed).toBe(false);
    using other = await RawClient.to(running.port);
    other.send('PR');
    await pause(20);
    expect(await other.send('OPFIND / HTTP/1.1\r\nHost: h\r\n\r\n').response()).toMatchObject({ status: 200 });
  });

  it('RFC 9113, 8.2.3 and 8.3.1: becomes HTTP/1.1 with one Host and one Cookie, and no header of its own', async () => {
    await using origin = await Origin.of();
    await using running = await gatewayOver([origin.port], { requestId: false, forwarded: 'none' });
    await using client = new Http2Client(running.url);
    const reply = await client.ask({
      ':authority': 'users.example',
      cookie: ['a=1', 'b=2'],
      te: 'trailers',
      'x-a': 'y',
    });
    expect(reply).toMatchObject({ status: 200, body: 'ok' });
    expect(origin.last.line).toBe('GET / HTTP/1.1');
    expect(origin.values('host')).toEqual(['users.example']);
    expect(origin.values('cookie')).toEqual(['a=1; b=2']);
    expect(origin.values('via')).toEqual(['2 gw']);
    expect(origin.values('x-a')).toEqual(['y']);
    expect(origin.values('te')).toEqual([]);
    expect(reply.headers.via).toBe('1.1 gw');
    expect(reply.headers.connection).toBeUndefined();
  });

  it('RFC 9113, 8.3.1: a Host that contradicts :authority is 400', async () => {
    await using origin = await Origin.of();
    await using running = await gatewayOver([origin.port]);
    await using client = new Http2Client(running.url);
    expect((await client.ask({ ':authority': 'a.example', host: 'b.example' })).status).toBe(400);
    expect((await client.ask({ ':authority': 'a.example', host: 'A.example' })).status).toBe(200);
    expect(origin.requests).toHaveLength(1);
  });

  it('RFC 9113, 8.1.1: a body that is not as long as announced is an error, and never sent on as whole', async () => {
    await using origin = await Origin.of();
    await using running = await gatewayOver([origin.port]);
    await using client = new Http2Client(running.url);
    const stream = client.stream({ ':method': 'POST', 'content-length': '10' });
    stream.end('short');
    expect(await replyOf(stream)).toMatchObject({ status: 0, code: NGHTTP2_PROTOCOL_ERROR });
    await eventually(() => inflight(running.mesh) === 0, 'no lease');
    expect(origin.requests).toEqual([]);
  });

  it.each([NGHTTP2_CANCEL, NGHTTP2_NO_ERROR])(
    'RFC 9113, 8.1.1: an upload that is taken back (%i) breaks off upstream',
    async (code) => {
      await using origin = await Origin.of();
      await using running = await gatewayOver([origin.port]);
      await using client = new Http2Client(running.url);
      const stream = client.stream({ ':method': 'POST' });
      stream.write('half');
      await origin.until(({ bytes }) => bytes.includes('half'));
      stream.close(code);
      await origin.until(({ sockets }) => sockets.size === 0);
      expect(origin.bytes).not.toContain('\r\n0\r\n\r\n');
      expect(origin.requests).toEqual([]);
      await eventually(() => inflight(running.mesh) === 0, 'no lease');
      expect((await client.ask()).status).toBe(200);
    },
  );

  it('RFC 9112, 8: a response that breaks off is a reset, never an end', async () => {
    const answer = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n';
    await using origin = await Origin.of((socket) => void socket.end(answer));
    await using running = await gatewayOver([origin.port]);
    await using client = new Http2Client(running.url);
    expect(await client.ask()).toMatchObject({ status: 200, code: constants.NGHTTP2_INTERNAL_ERROR });
  });

  it('RFC 9113, 8.1: an answer before the end of the upload is heard, and the rest not wanted', async () => {
    await using a = await saysWho('a');
    const routes = [{ service: 'users', maxBodyBytes: 1_000 }];
    await using running = await gatewayOver([a.port], { routes });
    await using client = new Http2Client(running.url);
    const stream = client.stream({ ':method': 'POST' });
    for (let i = 0; i < 5; i++) stream.write(Buffer.alloc(1_000));
    expect(await replyOf(stream)).toMatchObject({ status: 413, code: NGHTTP2_NO_ERROR });
    expect((await client.ask({ ':method': 'POST', 'content-length': '2000' }, 'x'.repeat(2_000))).status).toBe(413);
  });

  it('RFC 9110, 15.2 and 10.1.1: hears interim responses, and Continue', async () => {
    const answer = 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
    await using origin = await Origin.of(answer);
    await using running = await gatewayOver([origin.port]);
    await using client = new Http2Client(running.url);
    expect(await client.ask()).toMatchObject({ status: 200, body: 'ok', interim: [103] });
    const stream = client.stream({ ':method': 'POST', expect: '100-continue' });
    await once(stream, 'continue');
    stream.end('body');
    expect(await replyOf(stream)).toMatchObject({ status: 200 });
    expect(origin.last.body).toContain('body');
  });

  it('RFC 9110, 6.5: gets the trailers of a response', async () => {
    const answer =
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n2\r\nok\r\n0\r\nx-sum: 7\r\n\r\n';
    await using origin = await Origin.of(answer);
    await using running = await gatewayOver([origin.port]);
    await using client = new Http2Client(running.url);
    const reply = await client.ask({ te: 'trailers' });
    expect(reply).toMatchObject({ status: 200, body: 'ok', trailers: { 'x-sum': '7' } });
  });

  it('RFC 9110, 9.3.2 and 15.3.5: HEAD, 204 and 304 end with their headers', async () => {
    const answers = ['200 OK\r\nContent-Length: 20', '204 No Content', '304 Not Modified\r\nContent-Length: 20'];
    await using origin = await Origin.of((socket) => void socket.write(`HTTP/1.1 ${answers.shift()}\r\n\r\n`));
    await using running = await gatewayOver([origin.port]);
    await using client = new Http2Client(running.url);
    const head = await client.ask({ ':method': 'HEAD' });
    expect([head.status, head.headers['content-length'], head.body]).toEqual([200, '20', '']);
    expect(await client.ask()).toMatchObject({ status: 204, body: '', code: 0 });
    expect(await client.ask()).toMatchObject({ status: 304, body: '', code: 0 });
  });

  it('RFC 9110, 5.3: keeps repeated headers of both directions apart, and bytes beyond ASCII', async () => {
    const answer =
      'HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-L: caf\xe9\r\nETag: "1"\r\nETag: "2"\r\nContent-Length: 2\r\n\r\nok';
    await using origin = await Origin.of(answer);
    await using running = await gatewayOver([origin.port]);
    await using client = new Http2Client(running.url);
    const reply = await client.ask({ 'x-b': ['1', '2'], 'x-l': 'na\xefve' });
    expect(reply.headers['set-cookie']).toEqual(['a=1', 'b=2']);
    expect(reply.headers['x-l']).toBe('caf\xe9');
    expect(reply.headers.etag).toBe('"1"');
    expect(origin.values('x-b')).toEqual(['1', '2']);
    expect(origin.values('x-l')).toEqual(['na\xefve']);
  });

  it('RFC 9110, 9.3.6: CONNECT is 405, an unknown path 404', async () => {
    await using a = await saysWho('a');
    await using running = await gatewayOver([a.port], { routes: [{ match: { path: '/a' }, service: 'users' }] });
    await using client = new Http2Client(running.url);
    const tunnel = client.session.request({ ':method': 'CONNECT', ':authority': 'example.com:443' });
    expect((await replyOf(tunnel)).status).toBe(405);
    expect((await client.ask({ ':path': '/b' })).status).toBe(404);
    expect((await client.ask({ ':path': '/a/../b' })).status).toBe(400);
  });

  it('takes no more of a response than its client does', async () => {
    const chunk = Buffer.alloc(65_536);
    let sent = 0;
    const server = createServer((_, response) => {
      const more = (): void => {
        while (sent < 64 * 1_048_576) {
          sent += chunk.length;
          if (!response.write(chunk)) return void response.once('drain', more);
        }
        response.end();
      };
      more();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    await using running = await gatewayOver([(server.address() as AddressInfo).port]);
    await using client = new Http2Client(running.url);
    const stalled = client.stream({}, true);
    await once(stalled, 'response');
    let before = -1;
    await eventually(() => {
      const same = sent === before;
      before = sent;
      return same && sent > 0;
    }, 'a pause');
    await pause(200);
    expect(sent).toBeLessThan(16 * 1_048_576);
    // Others of the connection are not held up.
    expect((await client.ask({ ':method': 'HEAD' })).status).toBe(200);
    stalled.close(NGHTTP2_CANCEL);
    await eventually(() => inflight(running.mesh) === 0, 'no lease');
    server.closeAllConnections();
    server.close();
  });

  it('RFC 9113, 6.8: says GOAWAY when the gateway closes, and answers what is on its way', async () => {
    await using origin = await Origin.of((socket) => {
      setTimeout(() => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'), 100);
    });
    await using running = await gatewayOver([origin.port], { lameDuckMs: 30 });
    await using client = new Http2Client(running.url);
    const asked = client.ask();
    await origin.until(({ requests }) => requests.length === 1);
    const closed = running.gateway.close();
    expect(await asked).toMatchObject({ status: 200, body: 'ok' });
    await closed;
    await eventually(() => client.session.closed, 'the end of the connection');
    expect(client.goaways).toContain(NGHTTP2_NO_ERROR);
  });
});
