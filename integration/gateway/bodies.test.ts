import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { inflight, refusingPort } from '../http/support.js';
import { OK, Origin } from './origin.js';
import { figuresOf, gatewayOver, RawClient } from './support.js';

const GET = 'GET / HTTP/1.1\r\nHost: h\r\n\r\n';
const POST = 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi';

describe('repeats', () => {
  it('RFC 9110, 9.2.2: what was not sent goes to another endpoint, whatever its method', async () => {
    await using origin = await Origin.of();
    await using running = await gatewayOver([await refusingPort(), origin.port], {}, { policy: 'round_robin' });
    using client = await RawClient.to(running.port);
    for (let i = 0; i < 10; i++) expect((await client.send(POST).response()).status).toBe(200);
    expect(origin.requests).toHaveLength(10);
  });

  it.each(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])(
    'RFC 9110, 9.2.2: %s is made again where its server died',
    async (method) => {
      await using dying = await Origin.of((socket) => void socket.resetAndDestroy());
      await using origin = await Origin.of();
      await using running = await gatewayOver([dying.port, origin.port], {}, { policy: 'round_robin' });
      for (let i = 0; i < 4; i++) {
        using client = await RawClient.to(running.port);
        const request = `${method} / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi`;
        expect((await client.send(request).response(method === 'HEAD')).status).toBe(200);
      }
      expect(dying.requests.length).toBeGreaterThan(0);
    },
  );

  it.each(['POST', 'PATCH'])('RFC 9110, 9.2.2: %s is not: 502, delivered once', async (method) => {
    await using dying = await Origin.of((socket) => void socket.resetAndDestroy());
    await using running = await gatewayOver([dying.port, dying.port]);
    using client = await RawClient.to(running.port);
    const request = `${method} / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi`;
    expect((await client.send(request).response()).status).toBe(502);
    expect(dying.requests).toHaveLength(1);
  });

  it('RFC 9112, 9.3.1: servers that close idle connections cost no request', async () => {
    await using origin = await Origin.of((socket) => {
      socket.write(OK);
      setImmediate(() => socket.end());
    });
    await using running = await gatewayOver([origin.port]);
    using client = await RawClient.to(running.port);
    for (let i = 0; i < 30; i++) {
      expect((await client.send(i % 2 === 0 ? GET : POST).response()).status).toBe(200);
      await pause(2);
    }
    expect(origin.requests).toHaveLength(30);
  });

  it('RFC 9110, 15.6.4: 503 is passed on, once', async () => {
    await using busy = await Origin.of('HTTP/1.1 503 Busy\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n');
    await using running = await gatewayOver([busy.port]);
    using client = await RawClient.to(running.port);
    const { status, head } = await client.send(GET).response();
    expect([status, /retry-after: 2/i.test(head), busy.requests.length]).toEqual([503, true, 1]);
  });
});

describe('gateways in a row', () => {
  it('repeat in one of them alone: what is told that it gets a repeat makes none', async () => {
    await using dying = await Origin.of((socket) => void socket.resetAndDestroy());
    await using inner = await gatewayOver([dying.port, dying.port], { via: 'inner' });
    await using outer = await gatewayOver([inner.port, inner.port], {
      via: 'outer',
      routes: [{ service: 'users', retries: { statuses: [502] } }],
    });
    using client = await RawClient.to(outer.port);
    expect((await client.send(GET).response()).status).toBe(502);
    // The first attempt of the outer one is three of the inner one; its two repeats are one each.
    expect(dying.requests).toHaveLength(3 + 1 + 1);
    const said = dying.requests.map(({ headers }) => headers.find((line) => /^x-fairlead-attempt/i.test(line)));
    expect(said).toEqual([
      undefined,
      'x-fairlead-attempt: 2',
      'x-fairlead-attempt: 3',
      'x-fairlead-attempt: 2',
      'x-fairlead-attempt: 3',
    ]);
    expect(figuresOf(inner)).toMatchObject({ 'retry_skipped.chain': 2, 'retry_skipped.attempts': 1 });
  });
});

describe('a repeat that is not made', () => {
  it('is counted by its reason', async () => {
    await using dying = await Origin.of((socket) => void socket.resetAndDestroy());
    const routes = [
      { match: { path: '/short' }, service: 'users', retries: { replayBytes: 2 } },
      { match: { path: '/once' }, service: 'users', retries: { maxAttempts: 1 } },
      { service: 'users' },
    ];
    await using running = await gatewayOver([dying.port, dying.port], { routes, maxReplayBytes: 4 });
    const ask = async (method: string, path: string, length: number): Promise<void> => {
      using client = await RawClient.to(running.port);
      client.send(`${method} ${path} HTTP/1.1\r\nHost: h\r\nContent-Length: ${length}\r\n\r\n${'a'.repeat(length)}`);
      expect((await client.response()).status).toBe(502);
    };
    await ask('PUT', '/short', 3);
    await ask('PUT', '/', 5);
    await ask('POST', '/', 2);
    await ask('GET', '/once', 0);
    expect(figuresOf(running)).toMatchObject({
      'retry_skipped.body': 1,
      'retry_skipped.memory': 1,
      'retry_skipped.method': 1,
      'retry_skipped.attempts': 1,
      'retry_skipped.budget': 0,
      replayBytes: 0,
    });
  });
});

describe('back-pressure', () => {
  const MIB = 1_048_576;
  it('holds back a fast server for a slow client: of 64 MiB the gateway takes 12 at most', async () => {
    const block = Buffer.alloc(MIB, 97);
    let sent = 0;
    await using origin = await Origin.of((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${64 * MIB}\r\n\r\n`);
      const more = (): void => {
        while (sent < 64) {
          sent++;
          if (!socket.write(block)) {
            socket.once('drain', more);
            return;
          }
        }
      };
      more();
    });
    await using running = await gatewayOver([origin.port]);
    using client = await RawClient.to(running.port);
    client.socket.pause();
    client.send(GET);
    let before = -1;
    while (sent !== before) {
      before = sent;
      await pause(300);
    }
    expect(sent).toBeGreaterThan(0);
    expect(sent).toBeLessThanOrEqual(12);
  });

  it('holds back a fast client for a slow server', async () => {
    await using origin = await Origin.of();
    await using running = await gatewayOver([origin.port]);
    using client = await RawClient.to(running.port);
    const block = Buffer.alloc(MIB, 97);
    client.send(`POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ${64 * MIB}\r\n\r\n`);
    await origin.until(({ sockets }) => sockets.size > 0);
    for (const socket of origin.sockets) socket.pause();
    let written = 0;
    const more = (): void => {
      while (written < 64) {
        written++;
        if (!client.socket.write(block)) {
          client.socket.once('drain', more);
          return;
        }
      }
    };
    more();
    let before = -1;
    while (written !== before) {
      before = written;
      await pause(300);
    }
    expect(written).toBeLessThanOrEqual(14);
  });
});

describe('a client that goes', () => {
  it.each([
    ['before the answer', GET, ''],
    ['in mid-answer', GET, 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello'],
    ['in mid-upload', 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhello', ''],
  ])('%s closes the connection upstream and ends the lease', async (_, request, response) => {
    await using origin = await Origin.of((socket) => void (response !== '' && socket.write(response)));
    await using running = await gatewayOver([origin.port]);
    const client = await RawClient.to(running.port);
    client.send(request);
    await origin.until(({ bytes }) => bytes.includes('\r\n\r\n'));
    if (response !== '') await client.until((text) => text.includes('hello'));
    client.socket.destroy();
    await origin.until(({ sockets }) => sockets.size === 0);
    await origin.until(() => inflight(running.mesh) === 0);
    expect(running.mesh.service('users').endpoints[0]!.state).toBe('ready');
  });
});

describe('an answer that comes before the whole request', () => {
  it('RFC 9112, 9.6: reaches the client, which may go on sending for a while', async () => {
    const origin = await Origin.of();
    await using early = origin;
    await using running = await gatewayOver([early.port], { routes: [{ service: 'users', maxBodyBytes: 5 }] });
    using client = await RawClient.to(running.port);
    client.send('POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n');
    const { status, head } = await client.response();
    expect([status, /connection: close/i.test(head)]).toEqual([413, true]);
    for (let i = 0; i < 10; i++) {
      client.send('a'.repeat(10_000));
      await pause(5);
    }
    expect(client.reset).toBe(false);
  });

  it('RFC 9110, 15.5.14: and one of the service too', async () => {
    await using origin = await Origin.of();
    await using running = await gatewayOver([origin.port]);
    using client = await RawClient.to(running.port);
    client.send('POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nbegin');
    await origin.until(({ bytes }) => bytes.includes('begin'));
    for (const socket of origin.sockets) socket.write('HTTP/1.1 413 Too Much\r\nContent-Length: 3\r\n\r\nno!');
    const { status, head, body } = await client.response();
    expect([status, body, /connection: close/i.test(head)]).toEqual([413, 'no!', true]);
    client.send('a'.repeat(10_000));
    await pause(30);
    expect(client.reset).toBe(false);
  });
});

describe('interim responses', () => {
  it('RFC 9110, 10.1.1: Expect: 100-continue is answered here, and the body arrives whole', async () => {
    await using origin = await Origin.of();
    await using running = await gatewayOver([origin.port]);
    using client = await RawClient.to(running.port);
    client.send('POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n');
    await client.until((text) => text.includes('100 Continue\r\n\r\n'));
    client.send('hello');
    await client.until((text) => text.includes('200 OK'));
    expect([origin.last.body, origin.values('expect')]).toEqual(['hello', []]);
  });

  it('RFC 9110, 10.1.1: a client that waits with its body is not told to go on where the answer is there without it', async () => {
    await using origin = await Origin.of();
    await using running = await gatewayOver([origin.port], {
      routes: [
        { match: { path: '/short' }, service: 'users', maxBodyBytes: 1_000 },
        { match: { path: '/moved' }, redirect: { status: 308, path: '/short' } },
        { match: { path: '/nobody' }, service: 'nobody' },
        { match: { path: '/limited' }, service: 'users', rateLimit: { requests: 1, by: 'route' } },
      ],
    });
    using limited = await RawClient.to(running.port);
    await limited.send('GET /limited HTTP/1.1\r\nHost: h\r\n\r\n').response();
    const answers = { short: 413, moved: 308, other: 404, 'a/../b': 400, nobody: 503, limited: 429 };
    for (const [path, status] of Object.entries(answers)) {
      using client = await RawClient.to(running.port);
      client.send(`POST /${path} HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2000\r\n\r\n`);
      const response = await client.response();
      expect([path, response.status, /connection: close/i.test(response.head)]).toEqual([path, status, true]);
    }
    expect(origin.requests).toHaveLength(1);
  });

  it('RFC 8297: 103 and 102 reach a client of HTTP/1.1, in their order and before the answer', async () => {
    const hints = 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n';
    await using origin = await Origin.of(hints + OK);
    await using running = await gatewayOver([origin.port]);
    using client = await RawClient.to(running.port);
    const text = await client.send(GET).until((received) => received.endsWith('ok'));
    expect(text.match(/^HTTP\/1\.1 \d+|^Link: .*/gm)).toEqual([
      'HTTP/1.1 103',
      'Link: </a.css>; rel=preload',
      'HTTP/1.1 102',
      'HTTP/1.1 200',
    ]);
    using old = await RawClient.to(running.port);
    expect(await old.send('GET / HTTP/1.0\r\nHost: h\r\n\r\n').end()).toMatch(/^HTTP\/1\.1 200/);
  });
});

describe('responses without a body', () => {
  it('RFC 9110, 8.6: 204 has no Content-Length, whatever its server says', async () => {
    await using origin = await Origin.of('HTTP/1.1 204 No Content\r\nContent-Length: 5\r\nX-A: 1\r\n\r\n');
    await using running = await gatewayOver([origin.port]);
    using client = await RawClient.to(running.port);
    const { status, head } = await client.send(GET).response(true);
    expect([status, /content-length/i.test(head), /x-a: 1/i.test(head)]).toEqual([204, false, true]);
  });

  it.each([
    ['9110, 9.3.2', 'HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 42\r\n\r\n', 200, '42'],
    ['9110, 15.4.5', 'GET', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 42\r\nETag: "a"\r\n\r\n', 304, '42'],
    ['9110, 15.3.5', 'GET', 'HTTP/1.1 204 No Content\r\n\r\n', 204, undefined],
    ['9110, 15.3.6', 'GET', 'HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n', 205, '0'],
  ])('RFC %s: %s ends at once, and the connection goes on', async (_, method, response, status, length) => {
    await using origin = await Origin.of(response);
    await using running = await gatewayOver([origin.port]);
    using client = await RawClient.to(running.port);
    for (let i = 0; i < 3; i++) {
      const got = await client.send(`${method} / HTTP/1.1\r\nHost: h\r\n\r\n`).response(method === 'HEAD');
      expect(got.status).toBe(status);
      expect(/content-length: (\d+)/i.exec(got.head)?.[1]).toBe(length);
    }
    expect(inflight(running.mesh)).toBe(0);
    if (method === 'HEAD') expect(origin.connections).toBe(1);
  });
});

describe('trailers', () => {
  const response =
    'HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 7\r\n\r\n';

  it('RFC 9110, 6.5.1: reach a client that says so, and no other', async () => {
    await using origin = await Origin.of(response);
    await using running = await gatewayOver([origin.port]);
    using client = await RawClient.to(running.port);
    const asked = await client.send('GET / HTTP/1.1\r\nHost: h\r\nTE: trailers\r\n\r\n').response();
    expect(asked.head).toMatch(/Trailer: X-Sum/);
    expect(asked.body).toBe('2\r\nok\r\n0\r\nX-Sum: 7\r\n\r\n');
    const other = await client.send(GET).response();
    expect(other.head).not.toMatch(/Trailer/);
    expect(other.body).toBe('2\r\nok\r\n0\r\n\r\n');
  });
});

describe('server-sent events', () => {
  it('pass one by one, uncompressed, and survive silence longer than a body may have', async () => {
    let send: ((text: string) => void) | undefined;
    await using origin = await Origin.of((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n');
      send = (text) => void socket.write(`${text.length.toString(16)}\r\n${text}\r\n`);
    });
    await using running = await gatewayOver([origin.port], { upstreams: { users: { bodyTimeout: 100 } } });
    using client = await RawClient.to(running.port);
    client.send('GET / HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\nAccept-Encoding: gzip\r\n\r\n');
    await client.until((text) => text.includes('text/event-stream'));
    send!('data: 1\n\n');
    await client.until((text) => text.includes('data: 1'));
    // undici looks at its timeouts once a second.
    await pause(2_500);
    send!('data: 2\n\n');
    expect(await client.until((text) => text.includes('data: 2'))).toContain('data: 2');
  });
});
