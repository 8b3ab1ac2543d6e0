import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createGateway } from 'fairlead/gateway';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inflight, meshOf, refusingPort } from '../http/support.js';
import { OK, Origin } from './origin.js';
import { gatewayOver, RawClient } from './support.js';

const ASK =
  'GET /chat?a=b HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n';
const AGREE = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Own: 1\r\n\r\n';

const leasesEnd = (origin: Origin, running: { mesh: Parameters<typeof inflight>[0] }): Promise<void> =>
  origin.until(() => inflight(running.mesh) === 0);

/** Agrees, and echoes what comes afterwards. */
const echo = (first = '') =>
  Origin.of((socket) => {
    socket.write(AGREE + first);
    socket.removeAllListeners('data').on('data', (text: string) => void socket.write(text, 'latin1'));
  });

describe('an upgrade to WebSocket', () => {
  it('RFC 6455, 4.1: is a tunnel once the service agrees, with its head and ours', async () => {
    await using origin = await echo();
    await using running = await gatewayOver([origin.port]);
    using client = await RawClient.to(running.port);
    const head = await client.send(ASK).until((text) => text.includes('\r\n\r\n'));
    expect(head).toMatch(/^HTTP\/1\.1 101 Switching Protocols\r\n/);
    expect(head).toMatch(/X-Own: 1/);
    expect(head.match(/upgrade: websocket/gi)).toHaveLength(1);
    expect(origin.last.line).toBe('GET /chat?a=b HTTP/1.1');
    expect(origin.values('sec-websocket-key')).toEqual(['dGhlIHNhbXBsZSBub25jZQ==']);
    expect([origin.values('upgrade'), origin.values('connection')]).toEqual([['websocket'], ['Upgrade']]);
    expect(origin.values('x-forwarded-for')).toEqual(['127.0.0.1']);
    client.send('hello');
    await client.until((text) => text.endsWith('hello'));
    expect(inflight(running.mesh)).toBe(1);
    client.socket.end();
    await leasesEnd(origin, running);
  });

  it('passes on what comes with the heads, on both sides', async () => {
    await using origin = await Origin.of((socket) => void socket.write(`${AGREE}first`));
    await using running = await gatewayOver([origin.port]);
    using client = await RawClient.to(running.port);
    await client.send(`${ASK}early`).until((text) => text.endsWith('first'));
    await origin.until(({ bytes }) => bytes.endsWith('early'));
  });

  it.each([
    ['another protocol', 'Connection: Upgrade\r\nUpgrade: foo\r\n'],
    ['more than was asked', 'Connection: Upgrade\r\nUpgrade: websocket, foo\r\n'],
    ['no protocol', 'Connection: Upgrade\r\n'],
    ['nothing', ''],
  ])('RFC 9110, 7.8: is 502, and the connection closed, where the service switches to %s', async (_, headers) => {
    let closed = false;
    await using origin = await Origin.of((socket) => {
      socket.on('close', () => {
        closed = true;
      });
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${headers}\r\nbytes of it`);
    });
    await using running = await gatewayOver([origin.port]);
    using client = await RawClient.to(running.port);
    expect((await client.send(ASK).response()).status).toBe(502);
    await client.end();
    expect(client.received).not.toMatch(/bytes of it|HTTP\/1.1 101/);
    await origin.until(() => closed);
    await leasesEnd(origin, running);
  });

  it('RFC 6455, 4.2.2: passes a refusal on, with its body', async () => {
    await using origin = await Origin.of('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nX-Why: 1\r\n\r\nno');
    await using running = await gatewayOver([origin.port]);
    using client = await RawClient.to(running.port);
    const { status, head, body } = await client.send(ASK).response();
    expect([status, body, /X-Why: 1/.test(head)]).toEqual([403, 'no', true]);
    await client.end();
    expect(inflight(running.mesh)).toBe(0);
  });

  it('goes to another endpoint where one refuses the connection; 502 where all do, 503 where there is none', async () => {
    await using origin = await echo();
    await using running = await gatewayOver([await refusingPort(), origin.port], {}, { policy: 'round_robin' });
    for (let i = 0; i < 2; i++) {
      using client = await RawClient.to(running.port);
      expect(await client.send(ASK).until((text) => text.includes('\r\n\r\n'))).toMatch(/^HTTP\/1\.1 101/);
    }
    await using refused = await gatewayOver([await refusingPort()]);
    using second = await RawClient.to(refused.port);
    expect((await second.send(ASK).response()).status).toBe(502);
    await using none = await gatewayOver([]);
    using third = await RawClient.to(none.port);
    expect((await third.send(ASK).response()).status).toBe(503);
  });

  it('ends with either side: an end as an end, a reset as a reset, and the process lives', async () => {
    await using origin = await echo();
    await using running = await gatewayOver([origin.port]);
    using first = await RawClient.to(running.port);
    await first.send(ASK).until((text) => text.includes('\r\n\r\n'));
    for (const socket of origin.sockets) socket.resetAndDestroy();
    await first.end();
    expect(first.reset).toBe(true);
    await leasesEnd(origin, running);
    const second = await RawClient.to(running.port);
    await second.send(ASK).until((text) => text.includes('\r\n\r\n'));
    second.socket.resetAndDestroy();
    await leasesEnd(origin, running);
    // Half a connection is enough for an answer.
    using third = await RawClient.to(running.port);
    await third.send(ASK).until((text) => text.includes('\r\n\r\n'));
    third.socket.end('last words');
    expect(await third.end()).toMatch(/last words$/);
  });

  it('is closed after silence where the route says so', async () => {
    await using origin = await echo();
    const routes = [{ service: 'users', timeouts: { idleMs: 100 } }];
    await using running = await gatewayOver([origin.port], { routes });
    using client = await RawClient.to(running.port);
    await client.send(ASK).end();
    await leasesEnd(origin, running);
  });

  it('is routed, limited and refused like any request', async () => {
    await using running = await gatewayOver([], {
      routes: [{ match: { path: '/chat' }, response: { status: 410, body: 'gone' } }],
    });
    using client = await RawClient.to(running.port);
    expect(await client.send(ASK).response()).toMatchObject({ status: 410, body: 'gone' });
    using other = await RawClient.to(running.port);
    expect((await other.send(ASK.replace('/chat', '/else')).response()).status).toBe(404);
  });

  it('ends when the gateway closes, and new ones are refused then', async () => {
    await using origin = await echo();
    const running = await gatewayOver([origin.port], { lameDuckMs: 100 });
    using client = await RawClient.to(running.port);
    using idle = await RawClient.to(running.port);
    await client.send(ASK).until((text) => text.includes('\r\n\r\n'));
    const closing = running.gateway.close();
    expect((await idle.send(ASK).response()).status).toBe(503);
    await client.end();
    client.socket.end();
    await closing;
    await running.mesh.close();
  });

  it('RFC 6455, 7.4.1: ends by a close frame with 1001 when the gateway closes, behind the frame under way', async () => {
    // A text frame whose second half is to come.
    await using origin = await Origin.of((socket) => {
      socket.write(`${AGREE}\x81\x04he`, 'latin1');
      socket.removeAllListeners('data').on('data', (text: string) => {
        origin.bytes += text;
      });
    });
    const running = await gatewayOver([origin.port], { lameDuckMs: 0 });
    using client = await RawClient.to(running.port);
    const head = (await client.send(ASK).until((text) => text.endsWith('he'))).slice(0, -4);
    const closing = running.gateway.close({ deadlineMs: 5_000 });
    await origin.until(({ bytes }) => bytes.slice(-8, -6) === '\x88\x82');
    const [first, second] = [...Buffer.from(origin.bytes.slice(-6), 'latin1')]
      .map((byte, i, all) => byte ^ all[i - 4]!)
      .slice(4);
    expect([first, second]).toEqual([0x03, 0xe9]);
    expect(client.received.slice(head.length)).toBe('\x81\x04he');
    for (const socket of origin.sockets) socket.write('ll\x81\x01x', 'latin1');
    expect((await client.end()).slice(head.length)).toBe('\x81\x04hell\x88\x02\x03\xe9');
    client.socket.end();
    for (const socket of origin.sockets) socket.end();
    await closing;
    await running.mesh.close();
  });

  it('passes any bytes in any pieces, both ways', async () => {
    await using origin = await echo();
    await using running = await gatewayOver([origin.port]);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 3_000 }), { maxLength: 20 }),
        async (chunks) => {
          using client = await RawClient.to(running.port);
          const head = await client.send(ASK).until((text) => text.includes('\r\n\r\n'));
          const sent = Buffer.concat(chunks).toString('latin1');
          for (const chunk of chunks) client.socket.write(chunk);
          expect((await client.until((text) => text.length >= head.length + sent.length)).slice(head.length)).toBe(
            sent,
          );
        },
      ),
      { numRuns: 30 },
    );
  });
});

describe('an upgrade to something else', () => {
  it.each(['h2c', 'foo', 'TLS/1.3'])('RFC 9110, 7.8: %s is served as if it had not been asked', async (protocol) => {
    await using origin = await Origin.of();
    await using running = await gatewayOver([origin.port]);
    using client = await RawClient.to(running.port);
    const settings = 'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n';
    const head = `Host: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: ${protocol}\r\n${settings}`;
    const { status, body } = await client.send(`POST /a HTTP/1.1\r\n${head}Content-Length: 2\r\n\r\nhi`).response();
    expect([status, body]).toEqual([200, OK.slice(-2)]);
    expect([origin.last.line, origin.last.body]).toEqual(['POST /a HTTP/1.1', 'hi']);
    expect([origin.values('upgrade'), origin.values('http2-settings')]).toEqual([[], []]);
    expect((await client.send('GET /b HTTP/1.1\r\nHost: h\r\n\r\n').response()).status).toBe(200);
  });
});

describe('upgrades of another server', () => {
  it('are tunnelled by gateway.upgrade', async () => {
    await using origin = await echo();
    await using mesh = meshOf([origin.port]);
    const gateway = createGateway(mesh, { routes: [{ service: 'users' }] });
    const server = createServer(gateway.handle).on('upgrade', gateway.upgrade).listen(0, '127.0.0.1');
    await once(server, 'listening');
    using client = await RawClient.to((server.address() as AddressInfo).port);
    await client.send(`${ASK}hello`).until((text) => text.endsWith('hello'));
    await gateway.close({ deadlineMs: 0 });
    server.closeAllConnections();
    server.close();
  });
});
