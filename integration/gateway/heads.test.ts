import { describe, expect, it } from 'vitest';
import { Origin } from './origin.js';
import { exchange, gatewayOver, RawClient } from './support.js';

const get = (...headers: string[]): string =>
  `GET /a HTTP/1.1\r\nHost: h\r\n${headers.map((h) => `${h}\r\n`).join('')}\r\n`;

/** The headers of the request that comes of one with these, without ours. */
async function forwarded(...headers: string[]): Promise<Origin> {
  await using origin = await Origin.of();
  await using running = await gatewayOver([origin.port]);
  using client = await RawClient.to(running.port);
  expect((await client.send(get(...headers)).response()).status).toBe(200);
  return origin;
}

/** The head of the response that comes of this one. */
async function returned(response: string, request = get()): Promise<string> {
  await using origin = await Origin.of(response);
  await using running = await gatewayOver([origin.port]);
  using client = await RawClient.to(running.port);
  return (await client.send(request).response(/^HEAD/.test(request))).head;
}

describe('headers about one connection end here, in requests', () => {
  it.each([
    ['9110, 7.6.1', 'Keep-Alive: timeout=5'],
    ['9110, 7.6.1', 'Proxy-Connection: keep-alive'],
    ['9110, 10.1.4', 'TE: trailers, deflate'],
    ['9110, 6.6.2', 'Trailer: X-Sum'],
    ['9110, 11.7.1', 'Proxy-Authorization: Basic eDp5'],
    ['9113, 3.1', 'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA'],
  ])('RFC %s: %s', async (_, header) => {
    const origin = await forwarded(header, 'X-Kept: 1');
    expect(origin.values(header.split(':')[0]!)).toEqual([]);
    expect(origin.values('x-kept')).toEqual(['1']);
  });

  it('RFC 9110, 7.6.1: those that Connection names', async () => {
    const origin = await forwarded('Connection: close, X-Hop,  x-other', 'X-Hop: 1', 'X-OTHER: 2', 'X-Kept: 3');
    expect([origin.values('x-hop'), origin.values('x-other'), origin.values('x-kept')]).toEqual([[], [], ['3']]);
    expect(origin.values('connection')).toEqual(['keep-alive']);
  });

  it('RFC 9110, 7.6.1: but none of ours, whatever Connection names', async () => {
    const origin = await forwarded('Connection: x-forwarded-for, host, via, forwarded');
    for (const name of ['x-forwarded-for', 'host', 'via', 'forwarded']) expect(origin.values(name)).toHaveLength(1);
  });
});

describe('and in responses', () => {
  it('RFC 9110, 7.6.1: those of the list, those that Connection names, and no others', async () => {
    const head = await returned(
      'HTTP/1.1 200 OK\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=1\r\nProxy-Authenticate: Basic\r\n' +
        'Upgrade: h2c\r\nX-Kept: 1\r\nContent-Length: 2\r\n\r\nok',
    );
    expect(head).not.toMatch(/x-hop|timeout=1|proxy-authenticate|upgrade|connection: close/i);
    expect(head).toMatch(/X-Kept: 1/);
  });
});

describe('all other headers pass as they are', () => {
  it('RFC 9110, 5.3: repeated ones, in their order and letters', async () => {
    const origin = await forwarded('X-Multi: a', 'x-other: 1', 'X-Multi: b', 'X-LATIN: caf\xe9', 'X-Empty:');
    expect(origin.values('x-multi')).toEqual(['a', 'b']);
    expect(origin.last.headers).toContain('X-LATIN: caf\xe9');
    expect(origin.values('x-empty')).toEqual(['']);
    const names = origin.last.headers.map((line) => line.split(':')[0]!);
    expect(names.indexOf('X-Multi')).toBeLessThan(names.indexOf('x-other'));
  });

  it('RFC 9110, 5.3: in responses too: two Set-Cookie, bytes above 127', async () => {
    const head = await returned(
      'HTTP/1.1 200 Fine\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Latin: caf\xe9\r\nContent-Length: 2\r\n\r\nok',
    );
    expect(head.match(/Set-Cookie: .*/g)).toEqual(['Set-Cookie: a=1', 'Set-Cookie: b=2']);
    expect(head).toContain('X-Latin: caf\xe9');
    expect(head).toMatch(/^HTTP\/1\.1 200 Fine\r\n/);
  });

  it('RFC 9113, 8.2.3: several lines of Cookie become one', async () => {
    expect((await forwarded('Cookie: a=1', 'Cookie: b=2')).values('cookie')).toEqual(['a=1; b=2']);
  });

  it('RFC 9110, 6.6.1: a response without Date gets one', async () => {
    expect(await returned('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')).toMatch(/\r\nDate: /);
    const own = 'Date: Sun, 29 Nov 2026 10:00:00 GMT';
    const kept = await returned(`HTTP/1.1 200 OK\r\n${own}\r\nContent-Length: 2\r\n\r\nok`);
    expect(kept.match(/date: .*/gi)).toEqual([own]);
  });
});

describe('whom the service hears of', () => {
  const said = [
    'X-Forwarded-For: 1.2.3.4',
    'X-Forwarded-Proto: https',
    'X-Forwarded-Host: evil',
    'X-Forwarded-Port: 1',
    'X-Real-IP: 1.2.3.4',
    'Forwarded: for=1.2.3.4',
  ];

  it('RFC 7239, 8: what an untrusted client says of itself is dropped and set anew', async () => {
    const origin = await forwarded(...said);
    expect(origin.values('x-forwarded-for')).toEqual(['127.0.0.1']);
    expect(origin.values('x-forwarded-proto')).toEqual(['http']);
    expect(origin.values('x-forwarded-host')).toEqual(['h']);
    expect(origin.values('x-real-ip')).toEqual(['127.0.0.1']);
    expect(origin.values('forwarded')).toEqual(['for=127.0.0.1;host=h;proto=http']);
    expect(origin.values('x-forwarded-port')).not.toEqual(['1']);
  });

  it('RFC 7239, 4: what a trusted proxy says is kept and added to', async () => {
    await using origin = await Origin.of();
    await using running = await gatewayOver([origin.port], { trustedProxies: ['127.0.0.0/8', '10.0.0.0/8'] });
    using client = await RawClient.to(running.port);
    await client.send(get('X-Forwarded-For: 9.9.9.9, 1.2.3.4, 10.0.0.1', ...said.slice(1))).response();
    expect(origin.values('x-forwarded-for')).toEqual(['9.9.9.9, 1.2.3.4, 10.0.0.1, 127.0.0.1']);
    expect(origin.values('x-forwarded-proto')).toEqual(['https']);
    expect(origin.values('x-real-ip')).toEqual(['1.2.3.4']);
    expect(origin.values('forwarded')).toEqual(['for=1.2.3.4, for=127.0.0.1;host=h;proto=http']);
  });

  it('RFC 9110, 7.6.3: Via is added to both ways, and a loop is 508', async () => {
    await using origin = await Origin.of('HTTP/1.1 200 OK\r\nVia: 1.1 inner\r\nContent-Length: 2\r\n\r\nok');
    await using running = await gatewayOver([origin.port]);
    using client = await RawClient.to(running.port);
    const { head } = await client.send(get('Via: 1.0 other')).response();
    expect(origin.values('via')).toEqual(['1.0 other, 1.1 gw']);
    expect(head.match(/via: .*/gi)).toEqual(['Via: 1.1 inner', 'via: 1.1 gw']);
    expect((await client.send(get('Via: 1.1 gw')).response()).status).toBe(508);
    expect((await client.send(get('Via: 1.1 gw2')).response()).status).toBe(200);
  });

  it('says nothing where it is told so', async () => {
    await using origin = await Origin.of();
    await using running = await gatewayOver([origin.port], { forwarded: 'none', via: false });
    using client = await RawClient.to(running.port);
    const { head } = await client.send(get(...said)).response();
    expect(origin.last.headers.join().toLowerCase()).not.toMatch(/forwarded|x-real|via/);
    expect(head).not.toMatch(/via/i);
  });
});

describe('heads that are refused', () => {
  it.each<[rfc: string, what: string, request: string, status: number]>([
    ['9112, 3.2', 'two Hosts', 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 400],
    ['9112, 3.2', 'two Hosts that are the same', 'GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n', 400],
    ['9112, 3.2', 'no Host', 'GET / HTTP/1.1\r\n\r\n', 400],
    ['9112, 3.2', 'a Host with a path', 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n', 400],
    ['9112, 3.2', 'a Host with user information', 'GET / HTTP/1.1\r\nHost: u@a\r\n\r\n', 400],
    ['9112, 3.2', 'a list of Hosts', 'GET / HTTP/1.1\r\nHost: a, b\r\n\r\n', 400],
    ['9110, 9.3.6', 'CONNECT', 'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n', 405],
    ['6585, 5', 'more headers than 16 KiB', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'a'.repeat(17_000)}\r\n\r\n`, 431],
    ['9112, 3', 'another protocol', 'GET / HTTQ/1.1\r\nHost: a\r\n\r\n', 400],
    ['9112, 3', 'a version that is none', 'GET / HTTP/1.9x\r\nHost: a\r\n\r\n', 400],
    ['9112, 2.3', 'HTTP/2.0 in a line of text', 'GET / HTTP/2.0\r\nHost: a\r\n\r\n', 505],
    ['9112, 2.3', 'HTTP/0.9 with headers', 'GET / HTTP/0.9\r\nHost: a\r\n\r\n', 505],
    ['9110, 9.1', 'a method that is none', 'G(T / HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ])('RFC %s: %s', async (_, __, request, status) => {
    await using origin = await Origin.of();
    await using running = await gatewayOver([origin.port]);
    const close = request.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n');
    expect(await exchange(running.port, close)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(origin.requests).toEqual([]);
  });

  it('RFC 9110, 15.5.9: one that is too slow is 408', async () => {
    await using origin = await Origin.of();
    await using running = await gatewayOver([origin.port], { headersTimeoutMs: 100, requestTimeoutMs: 100 });
    expect(await exchange(running.port, 'GET / HTTP/1.1\r\nHos')).toMatch(/^HTTP\/1\.1 408 /);
    expect(origin.requests).toEqual([]);
  });

  it('RFC 9110, 5.4: more than 2,000 headers pass, where they fit', async () => {
    const many = Array.from({ length: 2_100 }, (_, i) => `a${i}:`);
    expect((await forwarded(...many)).values('a2099')).toEqual(['']);
  });
});

describe('targets', () => {
  it.each([
    ["/a%2fb/%20//c'|%zz", "/a%2fb/%20//c'|%zz"],
    ['/?a=%2e%2e/&b=/../', '/?a=%2e%2e/&b=/../'],
    ['/caf%C3%A9;x=1', '/caf%C3%A9;x=1'],
    ['http://other:81/x?y', '/x?y'],
    ['http://other', '/'],
    ['http://other?q', '/?q'],
  ])('RFC 9112, 3.2: %s goes on as %s', async (target, seen) => {
    await using origin = await Origin.of();
    await using running = await gatewayOver([origin.port]);
    using client = await RawClient.to(running.port);
    await client.send(`GET ${target} HTTP/1.1\r\nHost: h\r\n\r\n`).response();
    expect(origin.last.line).toBe(`GET ${seen} HTTP/1.1`);
    const authority = /^http:\/\/([^/?]*)/.exec(target)?.[1];
    expect(origin.values('host')).toEqual([authority ?? 'h']);
  });

  it.each([
    '/../a',
    '/a/%2e%2e/b',
    '/a/..%2fb',
    '/a/..;/b',
    '/a\\..\\b',
    '/a/./b',
    '/a#b',
    'a',
    'ftp://h/a',
    'http:///a',
  ])('RFC 3986, 5.2.4: %s, of which servers make different things, is 400', async (target) => {
    await using origin = await Origin.of();
    await using running = await gatewayOver([origin.port]);
    const request = `GET ${target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`;
    expect(await exchange(running.port, request)).toMatch(/^HTTP\/1\.1 400 /);
    expect(origin.requests).toEqual([]);
  });

  it('RFC 9112, 3.2.4: OPTIONS * is answered here', async () => {
    await using running = await gatewayOver([]);
    using client = await RawClient.to(running.port);
    const { status } = await client.send('OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n').response();
    expect(status).toBe(204);
  });
});
