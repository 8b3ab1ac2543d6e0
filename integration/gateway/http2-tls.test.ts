import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { credentials } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { EchoClient, startServers } from '../grpc/support.js';
import { inflight, saysWho } from '../http/support.js';
import { Http2Client } from './http2-support.js';
import { gatewayOver } from './support.js';

const file = (name: string): string => new URL(`../grpc/tls/${name}.pem`, import.meta.url).pathname;
/** Signed by itself, for the names `echo` and `echo.example`: its own authority. */
const [cert, key] = [readFileSync(file('cert'), 'utf8'), readFileSync(file('key'), 'utf8')];
const tls = { cert, key };
const client = (port: number, options: object = {}): Http2Client =>
  new Http2Client(`https://127.0.0.1:${port}`, { ca: cert, servername: 'echo', ...options });

describe('HTTP/2 over TLS', () => {
  it('is agreed on by ALPN, beside HTTP/1.1 on the same port', async () => {
    await using a = await saysWho('a');
    await using running = await gatewayOver([a.port], { tls });
    await using two = client(running.port);
    const reply = await two.ask({ ':method': 'POST', ':authority': 'echo' }, 'hello');
    expect([reply.status, JSON.parse(reply.body).body]).toEqual([200, 'hello']);
    expect(two.session.alpnProtocol).toBe('h2');
    await using off = await gatewayOver([a.port], { tls, http2: false });
    await using none = client(off.port);
    expect((await none.ask({ ':authority': 'echo' })).status).toBe(0);
  });

  it('RFC 9110, 7.4: a name that the certificate is not for is 421', async () => {
    await using a = await saysWho('a');
    await using running = await gatewayOver([a.port], { tls });
    await using two = client(running.port);
    expect((await two.ask({ ':authority': 'echo' })).status).toBe(200);
    expect((await two.ask({ ':authority': 'other.example' })).status).toBe(421);
    expect(a.requests).toHaveLength(1);
  });

  it('carries gRPC, over TLS on both sides, whose certificates are verified', async () => {
    const servers = await startServers(1, { tls: { key: file('key'), cert: file('cert') } });
    const upstreams = { users: { tls: { ca: cert, servername: 'echo' } } };
    await using running = await gatewayOver([servers[0]!.port], { tls, upstreams });
    const options = { 'grpc.ssl_target_name_override': 'echo', 'grpc.default_authority': 'echo' };
    const echo = new EchoClient(`127.0.0.1:${running.port}`, options, credentials.createSsl(Buffer.from(cert)));
    expect((await echo.unary()).id).toBe('a');
    expect((await echo.bidi([{ x: 1 }])).map(({ echo: said }) => said)).toEqual([{ x: 1 }]);
    echo.close();
    await using strange = await gatewayOver([servers[0]!.port], { upstreams: { users: { tls: true } } });
    const other = new EchoClient(`127.0.0.1:${strange.port}`);
    await expect(other.unary()).rejects.toMatchObject({ code: 14 });
    expect(inflight(strange.mesh)).toBe(0);
    other.close();
    await Promise.all(servers.map((server) => server.stop()));
  });

  it('an endpoint that does not agree to HTTP/2 is 502', async () => {
    const old = createServer(tls).listen(0, '127.0.0.1');
    await once(old, 'listening');
    const upstreams = { users: { protocol: 'h2', tls: { ca: cert, servername: 'echo' } } } as const;
    await using running = await gatewayOver([(old.address() as AddressInfo).port], { upstreams });
    await using two = new Http2Client(running.url);
    expect((await two.ask()).status).toBe(502);
    old.close();
  });
});
