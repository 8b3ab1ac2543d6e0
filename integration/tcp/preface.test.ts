import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { AddressInfo, Socket } from 'node:net';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { createMesh, type Mesh, staticResolver } from 'fairlead';
import type { TcpClient } from 'fairlead/tcp';
import { describe, expect, it } from 'vitest';
import { proxyHeaderV2 } from '../../adapters/tcp/wire/write-proxy-header.js';
import { type Certificates, makeCertificates } from '../harness/certificates.js';
import { until } from '../harness/until.js';
import { connected, endOf, heard, meshOf, proxyOf, reads, TcpBackend } from './support.js';

/** Collects what each connection is sent. */
async function collecting(): Promise<TcpBackend & { readonly got: string[] }> {
  const got: string[] = [];
  const backend = new TcpBackend((socket) => {
    const mine = got.push('') - 1;
    socket.on('data', (chunk) => {
      got[mine] += chunk.toString('latin1');
    });
  });
  return Object.assign(await backend.listen(), { got });
}

const V1 = 'PROXY TCP4 203.0.113.7 198.51.100.1 4711 443\r\n';
const ADDRESSES = {
  source: { address: '203.0.113.7', port: 4711 },
  destination: { address: '198.51.100.1', port: 443 },
};

describe('the PROXY protocol', () => {
  it.each([
    ['version 1', Buffer.from(V1)],
    ['version 2', proxyHeaderV2(ADDRESSES)],
  ])('of %s is taken off, byte by byte, and says who the client is', async (_, header) => {
    await using server = await collecting();
    await using mesh = meshOf([server.port]);
    const clients: TcpClient[] = [];
    await using proxy = await proxyOf(mesh, {
      service: 'users',
      acceptProxyProtocol: ['127.0.0.0/8'],
      key: (client) => void clients.push(client),
    });
    const client = await connected(proxy.port);
    for (const byte of header) {
      client.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    client.write('its own');
    await until('it arrives', () => server.got[0] === 'its own');
    expect(clients).toMatchObject([ADDRESSES.source]);
    const inOnePiece = await connected(proxy.port);
    inOnePiece.write(Buffer.concat([header, Buffer.from('at once')]));
    await until('it arrives', () => server.got[1] === 'at once');
  });

  it('must come from a trusted network, and is not looked for from another', async () => {
    await using server = await collecting();
    await using mesh = meshOf([server.port]);
    const errors: string[] = [];
    await using trusting = await proxyOf(mesh, {
      service: 'users',
      acceptProxyProtocol: ['127.0.0.1'],
      onError: (error, client) => void errors.push(`${client?.address}: ${error.message}`),
    });
    const liar = await connected(trusting.port);
    liar.write('GET / HTTP/1.1\r\n\r\n');
    expect(await heard(liar)).toBe('reset');
    expect(errors).toEqual([expect.stringMatching(/^127\.0\.0\.1: .*no PROXY header/)]);
    await using wary = await proxyOf(mesh, { service: 'users', acceptProxyProtocol: ['10.0.0.0/8'] });
    const stranger = await connected(wary.port);
    stranger.write(`${V1}spoofed`);
    await until('it arrives whole', () => server.got[0] === `${V1}spoofed`);
  });

  it('has a time to come in, and a health check that leaves without a word is no error', async () => {
    await using server = await collecting();
    await using mesh = meshOf([server.port]);
    await using proxy = await proxyOf(mesh, {
      service: 'users',
      acceptProxyProtocol: ['127.0.0.1'],
      prefaceTimeout: 100,
    });
    expect(await endOf(proxy.port)).toBe('reset');
    const check = await connected(proxy.port);
    check.end();
    expect(String(await heard(check))).toBe('');
    expect([...mesh.parts][0]!.figures!()).toMatchObject({ failed: 1, reset: 1 });
    expect(server.connections).toBe(0);
  });

  it('limits clients by the address that it tells', async () => {
    await using server = await collecting();
    await using mesh = meshOf([server.port]);
    await using proxy = await proxyOf(mesh, {
      service: 'users',
      acceptProxyProtocol: ['127.0.0.1'],
      maxConnectionsPerClient: 1,
    });
    const from = async (address: string): Promise<Socket> => {
      const client = await connected(proxy.port);
      client.write(`PROXY TCP4 ${address} 198.51.100.1 4711 443\r\n${address}`);
      return client;
    };
    await from('203.0.113.1');
    await from('203.0.113.2');
    await until('both are there', () => server.got.filter((text) => text !== '').length === 2);
    expect(await heard(await from('203.0.113.1'))).toBe('reset');
  });

  it.each([1, 2] as const)('is sent in version %i, with what a proxy before this one said', async (version) => {
    await using server = await collecting();
    await using mesh = meshOf([server.port]);
    await using proxy = await proxyOf(mesh, {
      service: 'users',
      acceptProxyProtocol: ['127.0.0.2'],
      sendProxyProtocol: version,
    });
    const client = await connected(proxy.port);
    client.write('its own');
    await until('it arrives', () => server.got[0]?.endsWith('its own') === true);
    const { localPort } = client;
    const end = (port: number) => ({ address: '127.0.0.1', port });
    const seen = version === 1 ? `PROXY TCP4 127.0.0.1 127.0.0.1 ${localPort} ${proxy.port}\r\n` : undefined;
    const expected =
      seen ?? proxyHeaderV2({ source: end(localPort!), destination: end(proxy.port) }).toString('latin1');
    expect(server.got[0]).toBe(`${expected}its own`);
    await using second = await proxyOf(mesh, {
      service: 'users',
      acceptProxyProtocol: ['127.0.0.1'],
      sendProxyProtocol: version,
    });
    const told = await connected(second.port);
    told.write(`${V1}passed on`);
    await until('it arrives', () => server.got[1]?.endsWith('passed on') === true);
    expect(server.got[1]).toBe(`${version === 1 ? V1 : proxyHeaderV2(ADDRESSES).toString('latin1')}passed on`);
  });

  it('goes first where the server speaks first', async () => {
    await using greeting = await new TcpBackend((socket) => {
      socket.once('data', (head) => socket.write(`hello ${String(head).split(' ')[2]}`));
    }).listen();
    await using mesh = meshOf([greeting.port]);
    await using proxy = await proxyOf(mesh, { service: 'users', sendProxyProtocol: 1 });
    expect(await reads(await connected(proxy.port))).toBe('hello 127.0.0.1');
  });
});

/** A TLS server that says its name and what it was asked for. */
async function tlsServer(id: string, { certFile, keyFile }: Certificates) {
  const [cert, key] = await Promise.all([readFile(certFile), readFile(keyFile)]);
  const server = createServer({ cert, key, ALPNProtocols: ['h2', 'http/1.1', 'x'] }, (socket) => {
    socket.on('error', () => {}).end(`${id} ${socket.servername || '-'} ${socket.alpnProtocol || '-'}`);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { port, [Symbol.dispose]: () => void server.close() };
}

describe('routes by what a ClientHello says', () => {
  const meshWith = (services: Readonly<Record<string, number>>): Mesh =>
    createMesh({
      resolver: staticResolver(
        Object.fromEntries(Object.entries(services).map(([name, port]) => [name, [`127.0.0.1:${port}`]])),
      ),
    });
  const ask = async (port: number, options: object): Promise<string> => {
    const socket: TLSSocket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
    socket.on('error', () => {});
    return String(await heard(socket));
  };

  it('lead to the service of the name, and TLS is between the client and the server alone', async () => {
    const certificates = await makeCertificates();
    using api = await tlsServer('api', certificates);
    using h2 = await tlsServer('h2', certificates);
    using other = await tlsServer('other', certificates);
    await using mesh = meshWith({ api: api.port, h2: h2.port, other: other.port });
    await using proxy = await proxyOf(mesh, {
      service: 'other',
      routes: [
        { serverName: '*.example.com', service: 'api' },
        { serverName: certificates.name, service: 'api' },
        { serverName: '*.example.com', alpn: 'h2', service: 'h2' },
      ],
    });
    const { port } = proxy;
    expect(await ask(port, { servername: 'a.example.com' })).toBe('api a.example.com -');
    expect(await ask(port, { servername: 'b.example.com', ALPNProtocols: ['h2', 'x'] })).toBe('h2 b.example.com h2');
    expect(await ask(port, { servername: 'elsewhere.test', ALPNProtocols: ['x'] })).toBe('other elsewhere.test x');
    expect(await ask(port, {})).toBe('other - -');
    // Verified to the end: nobody stands between.
    const socket = connect({ port, host: '127.0.0.1', servername: certificates.name, ca: certificates.ca });
    await once(socket, 'secureConnect');
    expect(socket.authorized).toBe(true);
    socket.destroy();
  });

  it('reset what none takes, where there is no service for the rest', async () => {
    const certificates = await makeCertificates();
    using api = await tlsServer('api', certificates);
    await using mesh = meshWith({ api: api.port });
    const seen: (string | undefined)[] = [];
    await using proxy = await proxyOf(mesh, {
      routes: [{ serverName: 'api.test', service: 'api' }],
      onError: (error, client) => void seen.push(`${client?.serverName}: ${error.message}`),
    });
    expect(await ask(proxy.port, { servername: 'api.test' })).toBe('api api.test -');
    expect(await ask(proxy.port, { servername: 'other.test' })).toBe('reset');
    const plain = await connected(proxy.port);
    plain.write('GET / HTTP/1.1\r\n\r\n');
    expect(await heard(plain)).toBe('reset');
    expect(seen).toEqual([
      'other.test: no route for other.test',
      'undefined: no route for a connection without a server name',
    ]);
  });

  it('let clients through that wait for the server to speak, after a time', async () => {
    await using greeting = await new TcpBackend((socket) => void socket.end('220 ready')).listen();
    await using mesh = meshWith({ mail: greeting.port, api: 1 });
    await using proxy = await proxyOf(mesh, {
      service: 'mail',
      routes: [{ serverName: 'api.test', service: 'api' }],
      prefaceTimeout: 50,
    });
    expect(String(await endOf(proxy.port))).toBe('220 ready');
  });
});
