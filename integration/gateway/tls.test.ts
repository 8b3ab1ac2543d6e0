import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { createServer, type RequestOptions, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { inflight, saysWho } from '../http/support.js';
import { gatewayOver, RawClient } from './support.js';

const pem = (name: string): string => readFileSync(new URL(`../grpc/tls/${name}.pem`, import.meta.url), 'utf8');
/** Signed by itself, for the names `echo` and `echo.example`: its own authority. */
const [cert, key] = [pem('cert'), pem('key')];

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

function ask(port: number, options: RequestOptions = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, ca: cert, servername: 'echo', agent: false, ...options }, async (response) => {
      let body = '';
      for await (const chunk of response.setEncoding('utf8')) body += chunk;
      resolve({ status: response.statusCode!, headers: response.headers, body });
    })
      .on('error', reject)
      .end();
  });
}

const host = (name: string): RequestOptions => ({ headers: { host: name } });

describe('a gateway that speaks TLS', () => {
  it('is the server of its certificate, and says https to the service', async () => {
    await using backend = await saysWho('a');
    await using running = await gatewayOver([backend.port], {
      tls: { cert, key },
      affinityKeys: [{ id: 'k', secret: 'x'.repeat(32) }],
      routes: [{ service: 'users', affinity: {} }],
    });
    const { status, headers } = await ask(running.port, host('echo'));
    expect(status).toBe(200);
    expect(backend.requests[0]!.headers['x-forwarded-proto']).toBe('https');
    expect(backend.requests[0]!.headers.forwarded).toMatch(/;proto=https$/);
    expect(headers['set-cookie']![0]).toMatch(/^__Host-fairlead=.*; Path=\/; .*; Secure$/);
    await expect(ask(running.port, { ca: [] })).rejects.toThrow(/self-signed/);
  });

  it('lets no client in without a certificate where it asks for one', async () => {
    await using backend = await saysWho('a');
    await using running = await gatewayOver([backend.port], { tls: { cert, key, requestCert: true, ca: cert } });
    await expect(ask(running.port)).rejects.toThrow();
    expect(backend.requests).toEqual([]);
    expect((await ask(running.port, { cert, key, ...host('echo') })).status).toBe(200);
  });

  it('shows the certificate of the name that the client asks for', async () => {
    await using backend = await saysWho('a');
    const asked: string[] = [];
    await using running = await gatewayOver([backend.port], {
      tls: {
        cert,
        key,
        SNICallback: (name, done) => {
          asked.push(name);
          done(null);
        },
      },
    });
    expect((await ask(running.port, { servername: 'echo.example', ...host('echo.example') })).status).toBe(200);
    expect(asked).toEqual(['echo.example']);
  });

  it.each([
    ['echo', 'echo', 200],
    ['echo', 'ECHO:443', 200],
    ['echo', 'echo.example', 200],
    ['echo.example', 'other.example', 421],
    ['', 'other.example', 200],
  ])('RFC 9110, 15.5.20: asked for %j by TLS and %s in Host answers %i', async (servername, name, status) => {
    await using backend = await saysWho('a');
    await using running = await gatewayOver([backend.port], { tls: { cert, key } });
    const answer = await ask(running.port, { servername, rejectUnauthorized: false, ...host(name) });
    expect([answer.status, backend.requests.length]).toEqual([status, status === 200 ? 1 : 0]);
    expect((await ask(running.port, host('echo'))).status).toBe(200);
  });

  it('takes the word of a trusted proxy for the Host', async () => {
    await using backend = await saysWho('a');
    await using running = await gatewayOver([backend.port], { tls: { cert, key }, trustedProxies: ['127.0.0.1'] });
    expect((await ask(running.port, host('other.example'))).status).toBe(200);
  });
});

/** A server of HTTP and WebSocket over TLS, and the names that it was asked for. */
async function secureBackend(options: object = {}) {
  const names: unknown[] = [];
  let requests = 0;
  const server = createServer({ cert, key, ...options }, (request, response) => {
    requests++;
    names.push((request.socket as TLSSocket & { servername: unknown }).servername);
    response.end('secure');
  });
  server.on('upgrade', (_request, socket) => {
    requests++;
    socket.on('error', () => {});
    socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhi');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    names,
    port: (server.address() as AddressInfo).port,
    get requests() {
      return requests;
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

const UPGRADE = 'GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';

describe('a service that speaks TLS', () => {
  it.each([
    ['an authority that is not known', true],
    ['another name', { ca: cert }],
    ['another name that was said', { ca: cert, servername: 'other.example' }],
  ])('gets nothing where its certificate is of %s: 502', async (_, tls) => {
    await using backend = await secureBackend();
    await using running = await gatewayOver([backend.port], { upstreams: { users: { tls } } });
    expect((await fetch(running.url)).status).toBe(502);
    using client = await RawClient.to(running.port);
    expect((await client.send(UPGRADE).response()).status).toBe(502);
    expect([backend.requests, inflight(running.mesh)]).toEqual([0, 0]);
  });

  it('is asked for its name, whatever Host says, and for upgrades too', async () => {
    await using backend = await secureBackend();
    await using running = await gatewayOver([backend.port], {
      upstreams: { users: { tls: { ca: cert, servername: 'echo' } } },
    });
    const response = await fetch(running.url);
    expect([response.status, await response.text(), backend.names]).toEqual([200, 'secure', ['echo']]);
    using client = await RawClient.to(running.port);
    expect(await client.send(UPGRADE).end()).toMatch(/^HTTP\/1\.1 101 [\s\S]*\r\n\r\nhi$/);
  });

  it('is shown a certificate where it asks for one', async () => {
    await using backend = await secureBackend({ requestCert: true, ca: cert });
    const trusted = { ca: cert, servername: 'echo' };
    await using without = await gatewayOver([backend.port], { upstreams: { users: { tls: trusted } } });
    expect((await fetch(without.url)).status).toBe(502);
    await using running = await gatewayOver([backend.port], {
      upstreams: { users: { tls: { ...trusted, cert, key } } },
    });
    expect((await fetch(running.url)).status).toBe(200);
    using client = await RawClient.to(running.port);
    expect(await client.send(UPGRADE).until((text) => text.endsWith('hi'))).toMatch(/^HTTP\/1\.1 101 /);
  });
});

it('a client that breaks off the handshake, or speaks no TLS, costs nothing', async () => {
  await using backend = await saysWho('a');
  await using running = await gatewayOver([backend.port], { tls: { cert, key } });
  using plain = await RawClient.to(running.port);
  await plain.send('GET / HTTP/1.1\r\nHost: h\r\n\r\n').end();
  const socket = connectTls({ port: running.port, host: '127.0.0.1', servername: 'echo', ca: [] }).on(
    'error',
    () => {},
  );
  await new Promise<void>((resolve) => socket.once('close', () => resolve()));
  expect((await ask(running.port, host('echo'))).status).toBe(200);
});
