import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { credentials, Metadata, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startServers, type TestServer, tally, until } from './support.js';
import { EchoMesh } from './support-mesh.js';

const tls = {
  key: fileURLToPath(new URL('./tls/key.pem', import.meta.url)),
  cert: fileURLToPath(new URL('./tls/cert.pem', import.meta.url)),
};

let servers: TestServer[] = [];
let echo: EchoMesh;
afterEach(async () => {
  await echo.close();
  await Promise.all(servers.map((server) => server.stop()));
  vi.unstubAllEnvs();
});

describe('over TLS', () => {
  beforeEach(async () => {
    servers = await startServers(2, { tls });
    echo = new EchoMesh(servers);
  });
  const trusted = (): ReturnType<typeof credentials.createSsl> => credentials.createSsl(readFileSync(tls.cert));

  it('the name of the service is the name expected in the certificate', async () => {
    const client = echo.connect('fairlead:///echo?policy=round_robin', {}, trusted());
    await until(async () => {
      const answers = await Promise.all(Array.from({ length: 4 }, () => client.unary()));
      return Object.keys(tally(answers)).length === 2;
    }, 'both servers answer');
    expect((await client.unary()).authority).toBe('echo');
  });

  it('another name is expected where the target says so', async () => {
    const client = echo.connect('fairlead:///echo?authority=echo.example', {}, trusted());
    expect((await client.unary()).authority).toBe('echo.example');
    const wrong = echo.connect('fairlead:///echo?authority=other.example', {}, trusted());
    const error = await wrong.unary().catch((thrown) => thrown);
    expect(error.code).toBe(status.UNAVAILABLE);
    expect(error.details).toMatch(/other\.example/);
  });
});

describe('with a proxy in the environment', () => {
  for (const name of ['grpc_proxy', 'https_proxy', 'http_proxy']) {
    it(`calls go to the endpoints: ${name}`, async () => {
      vi.stubEnv(name, 'http://127.0.0.1:9');
      servers = await startServers(1);
      echo = new EchoMesh(servers);
      expect((await echo.connect('fairlead:///echo?policy=round_robin').unary()).id).toBe('a');
    });
  }
});

describe('a call that ends before it starts', () => {
  it('leaves nothing in flight: cancelled or failing credentials, a deadline while they are fetched', async () => {
    servers = await startServers(1, { tls });
    echo = new EchoMesh(servers);
    const creds = (generate: Parameters<typeof credentials.createFromMetadataGenerator>[0]) =>
      credentials.combineChannelCredentials(
        credentials.createSsl(readFileSync(tls.cert)),
        credentials.createFromMetadataGenerator(generate),
      );
    const never = echo.connect(
      'fairlead:///echo',
      {},
      creds(() => {}),
    );
    const failing = echo.connect(
      'fairlead:///echo',
      {},
      creds((_, done) => done(new Error('no token'))),
    );
    const good = echo.connect(
      'fairlead:///echo',
      {},
      creds((_, done) => done(null, new Metadata())),
    );
    await good.unary();
    const timeouts = Array.from({ length: 5 }, () =>
      never.unary({}, new Metadata(), { deadline: Date.now() + 200 }).catch((error) => error.code),
    );
    expect(await Promise.all(timeouts)).toEqual(Array(5).fill(status.DEADLINE_EXCEEDED));
    expect((await failing.unary().catch((error) => error)).details).toMatch(/no token/);
    // At once, although grpc-js never says that it dropped what it had picked.
    expect(echo.inflight).toBe(0);
    expect((await good.unary()).id).toBe('a');
    expect(echo.inflight).toBe(0);
  });
});
