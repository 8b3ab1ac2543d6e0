import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OK, Origin } from './origin.js';
import { exchange, gatewayOver, RawClient, type Running } from './support.js';

/** Shared by the cases that only refuse: whatever they send, nothing may reach it. */
let origin: Origin;
let running: Running;

beforeAll(async () => {
  origin = await Origin.of();
  running = await gatewayOver([origin.port]);
});
afterAll(async () => {
  await running[Symbol.asyncDispose]();
  await origin[Symbol.asyncDispose]();
});

const statusOf = (text: string): number => Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]);

describe('a request whose end is a matter of opinion is refused, and nothing is sent on', () => {
  const body = '0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n';
  it.each<[rfc: string, what: string, head: string]>([
    ['9112, 6.1', 'Content-Length and Transfer-Encoding', `Content-Length: 5\r\nTransfer-Encoding: chunked`],
    ['9112, 6.1', 'the same the other way round', `Transfer-Encoding: chunked\r\nContent-Length: 5`],
    ['9112, 6.3', 'two Content-Lengths that differ', 'Content-Length: 5\r\nContent-Length: 6'],
    ['9112, 6.3', 'two lengths in one Content-Length', 'Content-Length: 5, 6'],
    ['9110, 8.6', 'a Content-Length with a sign', 'Content-Length: +5'],
    ['9110, 8.6', 'a Content-Length that is hexadecimal', 'Content-Length: 0x5'],
    ['9110, 8.6', 'a negative Content-Length', 'Content-Length: -5'],
    ['9110, 8.6', 'a Content-Length beyond all numbers', `Content-Length: ${'9'.repeat(30)}`],
    ['9112, 6.1', 'Transfer-Encoding: xchunked', 'Transfer-Encoding: xchunked'],
    ['9112, 6.1', 'Transfer-Encoding: chunked, identity', 'Transfer-Encoding: chunked, identity'],
    ['9112, 6.1', 'Transfer-Encoding: gzip', 'Transfer-Encoding: gzip'],
    ['9112, 7.1', 'Transfer-Encoding: chunked, chunked', 'Transfer-Encoding: chunked, chunked'],
    ['9112, 6.1', 'Transfer-Encoding with a vertical tab', 'Transfer-Encoding: \x0bchunked'],
    ['9112, 5.1', 'a space before the colon', 'Transfer-Encoding : chunked'],
    ['9112, 5.2', 'a folded header', 'X-A: a\r\n b\r\nTransfer-Encoding:\r\n chunked'],
    ['9112, 2.2', 'a bare CR in a value', 'X-A: a\rTransfer-Encoding: chunked'],
    ['9110, 5.5', 'a NUL in a value', 'X-A: a\0b'],
    ['9110, 5.1', 'a header without a name', ': chunked'],
    ['9110, 5.6.2', 'a name that is no token', 'X(A): 1'],
    ['9112, 2.2', 'a space before the first header', ' X-A: 1'],
  ])('RFC %s: %s', async (_, __, head) => {
    const before = origin.requests.length;
    const text = await exchange(running.port, `POST / HTTP/1.1\r\nHost: h\r\n${head}\r\n\r\n${body}`);
    expect(statusOf(text)).toBe(400);
    expect(text.match(/HTTP\/1\.1/g)).toHaveLength(1);
    expect(origin.requests.length).toBe(before);
  });

  it.each([
    ['gzip, chunked', 'Transfer-Encoding: gzip, chunked'],
    ['gzip and chunked in two lines', 'Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked'],
  ])('RFC 9112, 6.1: a transfer coding that would be lost here is 501: %s', async (_, head) => {
    const before = origin.requests.length;
    const text = await exchange(running.port, `POST / HTTP/1.1\r\nHost: h\r\n${head}\r\n\r\n5\r\nhello\r\n0\r\n\r\n`);
    expect(statusOf(text)).toBe(501);
    expect(text.match(/HTTP\/1\.1/g)).toHaveLength(1);
    expect(origin.requests.length).toBe(before);
  });

  it('RFC 9112, 7: names of transfer codings are compared without regard to case', async () => {
    using client = await RawClient.to(running.port);
    const head = 'POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked \r\n\r\n';
    expect((await client.send(`${head}5\r\nhello\r\n0\r\n\r\n`).response()).status).toBe(200);
    expect(origin.last.body).toBe('5\r\nhello\r\n0\r\n\r\n');
  });

  it.each<[rfc: string, what: string, chunks: string]>([
    ['9112, 7.1', 'a chunk size that is none', 'zz\r\nhello\r\n0\r\n\r\n'],
    ['9112, 7.1', 'a chunk size with a sign', '-5\r\nhello\r\n0\r\n\r\n'],
    ['9112, 7.1', 'a chunk that is longer than it says', '3\r\nhello\r\n0\r\n\r\n'],
    ['9112, 7.1', 'a chunk size beyond all numbers', 'fffffffffffffffff\r\nhello\r\n0\r\n\r\n'],
    ['9112, 2.2', 'bare line feeds between chunks', '5\nhello\n0\n\n'],
  ])('RFC %s: %s ends the connection', async (_, __, chunks) => {
    const before = origin.requests.length;
    const head = 'POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n';
    const text = await exchange(running.port, `${head}${chunks}GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n`);
    expect(text).not.toMatch(/^HTTP\/1\.1 200/);
    expect(origin.requests.slice(before).map(({ line }) => line)).toEqual([]);
    expect(origin.bytes).not.toContain('smuggled');
  });
});

describe('a body is framed anew, for every method', () => {
  const chunked = 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n';
  it.each(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'QUERY'])(
    'RFC 9112, 6.3: %s with chunks stays chunked, with a length keeps it',
    async (method) => {
      using client = await RawClient.to(running.port);
      await client.send(`${method} / HTTP/1.1\r\nHost: h\r\n${chunked}`).response();
      expect(origin.last.body).toBe('5\r\nhello\r\n0\r\n\r\n');
      expect(origin.values('content-length')).toEqual([]);
      await client.send(`${method} / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello`).response();
      expect(origin.last.body).toBe('hello');
      expect([origin.values('content-length'), origin.values('transfer-encoding')]).toEqual([['5'], []]);
    },
  );

  it('RFC 9112, 6.1: a DELETE with chunks is one request (CVE-2026-29057)', async () => {
    const before = origin.requests.length;
    const inner = 'GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n';
    using client = await RawClient.to(running.port);
    const length = inner.length.toString(16);
    await client
      .send(`DELETE /one HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n${length}\r\n${inner}\r\n0\r\n\r\n`)
      .response();
    expect(origin.requests.slice(before).map(({ line }) => line)).toEqual(['DELETE /one HTTP/1.1']);
  });

  it('RFC 9112, 9.3.2: requests in a pipeline are two, in their order', async () => {
    const before = origin.requests.length;
    using client = await RawClient.to(running.port);
    client.send('POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nabGET /2 HTTP/1.1\r\nHost: h\r\n\r\n');
    expect((await client.response()).status).toBe(200);
    expect((await client.response()).status).toBe(200);
    expect(origin.requests.slice(before).map(({ line }) => line)).toEqual(['POST /1 HTTP/1.1', 'GET /2 HTTP/1.1']);
  });

  it('RFC 9112, 7.1.1: chunk extensions end here', async () => {
    using client = await RawClient.to(running.port);
    await client
      .send('POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;a="b"\r\nhello\r\n0\r\n\r\n')
      .response();
    expect(origin.last.body).toBe('5\r\nhello\r\n0\r\n\r\n');
  });
});

describe('a response whose end is a matter of opinion', () => {
  it.each<[rfc: string, what: string, response: string]>([
    ['9112, 6.3', 'with two Content-Lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nokk'],
    [
      '9112, 6.3',
      'with Content-Length and Transfer-Encoding',
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['9112, 4', 'that is garbage', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['9112, 2.2', 'with a bare CR in a header', 'HTTP/1.1 200 OK\r\nX-A: a\rb\r\nContent-Length: 2\r\n\r\nok'],
    ['9110, 5.4', 'with more headers than fit', `HTTP/1.1 200 OK\r\nX-A: ${'a'.repeat(20_000)}\r\n\r\n`],
  ])('RFC %s: %s is 502, and its connection is not used again', async (_, __, response) => {
    await using bad = await Origin.of(response);
    await using over = await gatewayOver([bad.port], {}, { resilience: { retry: false } });
    using client = await RawClient.to(over.port);
    expect((await client.send('GET / HTTP/1.1\r\nHost: h\r\n\r\n').response()).status).toBe(502);
    const { connections } = bad;
    expect((await client.send('GET / HTTP/1.1\r\nHost: h\r\n\r\n').response()).status).toBe(502);
    expect(bad.connections).toBe(connections + 1);
  });

  it.each<[rfc: string, what: string, response: string]>([
    ['9112, 8', 'before its Content-Length', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello'],
    ['9112, 8', 'in a chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\nhello'],
    ['9112, 8', 'before the last chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n'],
  ])('RFC %s: one that ends %s is never made to look whole', async (_, __, response) => {
    await using bad = await Origin.of((socket) => void socket.end(response));
    await using over = await gatewayOver([bad.port]);
    using client = await RawClient.to(over.port);
    const text = await client.send('GET / HTTP/1.1\r\nHost: h\r\n\r\n').end();
    expect(text).toContain('hello');
    expect(text).not.toMatch(/\r\n0\r\n\r\n/);
  });

  it('RFC 9112, 6.3: one without a length ends with its connection, and is whole', async () => {
    await using open = await Origin.of((socket) => void socket.end('HTTP/1.1 200 OK\r\n\r\nhello'));
    await using over = await gatewayOver([open.port]);
    using client = await RawClient.to(over.port);
    const { body } = await client.send('GET / HTTP/1.1\r\nHost: h\r\n\r\n').response();
    expect(body).toBe('5\r\nhello\r\n0\r\n\r\n');
  });

  it('RFC 9112, 6.3: one that breaks off for a client of HTTP/1.0 is a reset', async () => {
    const response = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n';
    await using bad = await Origin.of((socket) => {
      socket.write(response);
      setTimeout(() => socket.destroy(), 50);
    });
    await using over = await gatewayOver([bad.port]);
    using client = await RawClient.to(over.port);
    await client.send('GET / HTTP/1.0\r\nHost: h\r\n\r\n').end();
    expect(client.reset).toBe(true);
  });
});

it('answers after all of this', async () => {
  using client = await RawClient.to(running.port);
  expect((await client.send('GET / HTTP/1.1\r\nHost: h\r\n\r\n').response()).body).toBe(OK.slice(-2));
});
