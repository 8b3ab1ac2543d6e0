import { readFileSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { credentials, status } from '@grpc/grpc-js';
import { createMesh, staticResolver } from 'fairlead';
import { createFairleadTransport } from 'fairlead/connect';
import { describe, expect, it } from 'vitest';
import { Echo, startEchoServers } from './connect/support.js';
import { startServers } from './grpc/support.js';
import { EchoMesh } from './grpc/support-mesh.js';

const tls = {
  key: fileURLToPath(new URL('./grpc/tls/key.pem', import.meta.url)),
  cert: fileURLToPath(new URL('./grpc/tls/cert.pem', import.meta.url)),
};
const cert = readFileSync(tls.cert);

describe('gRPC', () => {
  it.each([
    [
      'without TLS to a port that speaks it',
      { tls },
      credentials.createInsecure(),
      /speaks TLS, use credentials\.createSsl\(\)/,
    ],
    [
      'with TLS to a port that speaks none',
      {},
      credentials.createSsl(cert),
      /speaks no TLS on this port: use credentials\.createInsecure/,
    ],
  ])('%s says so', async (_, settings, client, message) => {
    const servers = await startServers(1, settings);
    const echo = new EchoMesh(servers);
    try {
      const error = await echo
        .connect('fairlead:///echo', {}, client)
        .unary()
        .catch((thrown) => thrown);
      expect(error.code).toBe(status.UNAVAILABLE);
      expect(error.details).toMatch(message);
      expect(error.details).not.toMatch(/\n|Resolution note/);
    } finally {
      await echo.close();
      await servers[0]!.stop();
    }
  });
});

describe.each(['grpc', 'connect'] as const)('a transport of connect that speaks %s', (protocol) => {
  /** How a unary call and a stream fail. */
  async function errorsOf(baseUrl: string): Promise<ConnectError[]> {
    await using mesh = createMesh({ resolver: staticResolver({ echo: [new URL(baseUrl).host] }) });
    using transport = createFairleadTransport(mesh, { service: 'echo', protocol, baseUrl: () => baseUrl });
    const client = createClient(Echo, transport);
    const stream = async (): Promise<void> => {
      for await (const _ of client.count({ value: '1' })) expect.unreachable('it should have failed');
    };
    const unary = await client.write({ value: '' }).catch((thrown) => thrown);
    return [unary, await stream().catch((thrown) => thrown)];
  }

  it('without TLS to a port that speaks it says so', async () => {
    const server = createSecureServer({ key: readFileSync(tls.key), cert });
    server.on('sessionError', () => undefined);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const errors = await errorsOf(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    server.close();
    for (const error of errors) {
      expect([error.code, error.message]).toEqual([
        Code.Unavailable,
        expect.stringMatching(/if it speaks TLS, use https:/),
      ]);
    }
  });

  it('with TLS to a port that speaks none says so', async () => {
    const [server] = await startEchoServers('a');
    const errors = await errorsOf(`https://127.0.0.1:${server!.port}`);
    await server!.kill();
    for (const error of errors) {
      expect(error).toBeInstanceOf(ConnectError);
      expect([error.code, error.message]).toEqual([
        Code.Unavailable,
        expect.stringMatching(/speaks no TLS on this port/),
      ]);
    }
  });

  it('says of a server that is killed later that its connection was lost', async () => {
    const [server] = await startEchoServers('a');
    await using mesh = createMesh({ resolver: staticResolver({ echo: [server!.endpoint] }) });
    using transport = createFairleadTransport(mesh, { service: 'echo', protocol });
    const read = async (): Promise<void> => {
      for await (const _ of createClient(Echo, transport).count({ value: '100000' })) await server!.kill();
    };
    await expect(read()).rejects.toMatchObject({ message: expect.stringMatching(/connection to the server was lost/) });
  });
});
