import { readFileSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { createClient } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { credentials } from '@grpc/grpc-js';
import { createMesh, type EndpointInput, type EndpointSpec, staticResolver } from 'fairlead';
import { createFairleadTransport } from 'fairlead/connect';
import { type GrpcOptions, registerGrpc } from 'fairlead/grpc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Echo } from './connect/support.js';
import { EchoClient, TestServer } from './grpc/support.js';
import { type Certificates, makeCertificates } from './harness/certificates.js';

/** Servers with a certificate each, of the names `server.east.consul` and `server.west.consul`. */
let certificates: Certificates[];
let ca: string;
beforeAll(async () => {
  certificates = await Promise.all(['east', 'west'].map((dc) => makeCertificates(dc)));
  ca = certificates.map((each) => each.ca).join('\n');
});

const NAMES = ['server.east.consul', 'server.west.consul'];
const byId = ({ id }: EndpointSpec): string => `server.${id}.consul`;

/** Calls until both servers have answered; by which name each was called. */
async function namesOf(call: () => Promise<readonly [id: string, name: string]>): Promise<string[]> {
  const names = new Map<string, string>();
  for (let calls = 0; names.size < 2 && calls < 100; calls++) names.set(...(await call()));
  return [...names.values()].sort();
}

describe('gRPC', () => {
  let servers: TestServer[];
  beforeAll(async () => {
    const tls = certificates.map(({ keyFile, certFile }) => ({ key: keyFile, cert: certFile }));
    servers = await Promise.all(['east', 'west'].map((id, i) => new TestServer({ id, tls: tls[i]! }).start()));
  });
  afterAll(() => Promise.all(servers.map((server) => server.stop())));

  async function names(grpc: GrpcOptions['defaults'], query = '', tag = 'name'): Promise<string[]> {
    const list = servers.map(({ endpoint }, i): EndpointInput => ({ ...endpoint, meta: { [tag]: NAMES[i]! } }));
    await using mesh = createMesh({ resolver: staticResolver({ echo: list }) });
    using _ = registerGrpc(mesh, { defaults: { policy: 'round_robin', ...grpc } });
    const client = new EchoClient(`fairlead:///echo${query}`, {}, credentials.createSsl(Buffer.from(ca)));
    try {
      return await namesOf(async () => {
        const { id, authority } = await client.unary();
        return [id, authority];
      });
    } finally {
      client.close();
    }
  }

  it('calls each server by the name in its meta, or as a function says', async () => {
    expect(await names({ authority: { meta: 'name' } })).toEqual(NAMES);
    expect(await names({}, '?authority.meta=name')).toEqual(NAMES);
    expect(await names({ authority: byId })).toEqual(NAMES);
  });

  it('calls those that have no name of their own by the name of all', async () => {
    const unnamed = ({ id }: EndpointSpec): string | undefined =>
      id === 'east' ? byId({ id } as EndpointSpec) : undefined;
    await expect(names({ authority: 'server.east.consul' })).resolves.toEqual(['server.east.consul']);
    await expect(names({ authority: unnamed })).resolves.toEqual(['server.east.consul']);
  });

  it('refuses what is no name', () => {
    const mesh = createMesh({ resolver: staticResolver({}) });
    for (const authority of [7, '', {}, { meta: '' }, { meta: 'a', more: 1 }]) {
      expect(() => registerGrpc(mesh, { defaults: { authority: authority as never } })).toThrow(/defaults\.authority/);
    }
  });
});

describe('connect', () => {
  let servers: { id: string; port: number; close(): void }[];
  beforeAll(async () => {
    servers = await Promise.all(
      ['east', 'west'].map(async (id, i) => {
        const { keyFile, certFile } = certificates[i]!;
        const handler = connectNodeAdapter({
          routes: (router) =>
            router.service(Echo, {
              read: (_, { requestHeader }) => ({ value: `${id} ${requestHeader.get('x-authority')}` }),
            }),
        });
        const server = createSecureServer(
          { key: readFileSync(keyFile), cert: readFileSync(certFile) },
          (request, response) => {
            request.headers['x-authority'] = request.authority;
            handler(request, response);
          },
        );
        await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
        return { id, port: (server.address() as AddressInfo).port, close: () => server.close() };
      }),
    );
  });
  afterAll(() => {
    for (const server of servers) server.close();
  });

  it.each([[{ meta: 'name' }], [byId]])('calls each server by its own name: %s', async (authority) => {
    const list = servers.map(({ id, port }, i) => ({ id, host: '127.0.0.1', port, meta: { name: NAMES[i]! } }));
    await using mesh = createMesh({ resolver: staticResolver({ echo: list }), defaults: { policy: 'round_robin' } });
    using transport = createFairleadTransport(mesh, {
      service: 'echo',
      baseUrl: ({ host, port }) => `https://${host}:${port}`,
      authority,
      transport: { nodeOptions: { ca } },
    });
    const client = createClient(Echo, transport);
    const call = async (): Promise<readonly [string, string]> => {
      const [id = '', name = ''] = (await client.read({ value: '' })).value.split(' ');
      return [id, name];
    };
    // Node writes the port into it, here that of the URL.
    expect(await namesOf(call)).toEqual(NAMES.map((name) => `${name}:443`));
  });
});
