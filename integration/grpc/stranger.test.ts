import { once } from 'node:events';
import { type ClientDuplexStream, Metadata, status } from '@grpc/grpc-js';
import { createMesh, type Resolver, type ResolverSink, staticResolver } from 'fairlead';
import { consulResolver } from 'fairlead/consul';
import { registerGrpc } from 'fairlead/grpc';
import { afterEach, describe, expect, it } from 'vitest';
import { EchoClient, sleep, startServers, type TestServer, until } from './support.js';

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

async function servers(count: number, settings: Parameters<typeof startServers>[1] = {}): Promise<TestServer[]> {
  const started = await startServers(count, settings);
  endings.push(() => Promise.all(started.map((server) => server.stop())));
  return started;
}

function use(options: Parameters<typeof createMesh>[0], grpc: Parameters<typeof registerGrpc>[1] = {}) {
  const mesh = createMesh(options);
  const registration = registerGrpc(mesh, grpc);
  endings.push(
    () => mesh.close({ deadlineMs: 100 }),
    () => registration.close(),
  );
  return mesh;
}

function client(target: string): EchoClient {
  const made = new EchoClient(target);
  endings.push(() => made.close());
  return made;
}

const same = (bytes: Buffer): Buffer => bytes;
const json = (value: object): Buffer => Buffer.from(JSON.stringify(value));

describe('a stranger', () => {
  it('streams both ways before anybody reads, loses nothing, and leaves nothing in flight when it cancels', async () => {
    const mesh = use({ resolver: staticResolver({ echo: (await servers(2)).map(({ endpoint }) => endpoint) }) });
    const echo = client('fairlead:///echo');
    const stream: ClientDuplexStream<Buffer, Buffer> = echo.makeBidiStreamRequest(
      '/test.Echo/Bidi',
      same,
      same,
      new Metadata(),
    );
    stream.on('error', () => {});
    const message = json({ text: 'x'.repeat(64 * 1_024) });
    for (let i = 0; i < 100; i++) {
      if (!stream.write(message)) await once(stream, 'drain');
    }
    // Nobody has read so far; nothing is lost by that.
    let received = 0;
    stream.on('data', () => received++);
    await until(() => received === 100, 'all answers come once they are read');
    stream.cancel();
    await once(stream, 'close').catch(() => {});
    const inflight = (): number => mesh.service('echo').endpoints.reduce((sum, each) => sum + each.inflight, 0);
    await until(() => inflight() === 0, 'nothing is in flight');
  });

  it('makes a channel before discovery answers: calls wait, and a deadline ends the wait', async () => {
    const [server] = await servers(1);
    const sinks: ResolverSink[] = [];
    const resolver: Resolver = { name: 'slow', watch: (_query, sink) => void sinks.push(sink) };
    use({ resolver });
    const echo = client('fairlead:///echo');
    const waiting = echo.unary();
    const late = await echo.unary({}, new Metadata(), { deadline: Date.now() + 100 }).catch((error) => error);
    expect(late.code).toBe(status.DEADLINE_EXCEEDED);
    const { port } = server!;
    sinks[0]!.snapshot(
      [{ id: 'a', host: '127.0.0.1', port, weight: 1, priority: 0, zone: '', tags: [], meta: {} }],
      '1',
    );
    expect((await waiting).id).toBe('a');
  });

  it('asks a service that is empty: told why at once, or, as it wants, made to wait until there is an endpoint', async () => {
    const [server] = await servers(1);
    const resolver = staticResolver({ echo: [] });
    use({ resolver }, { discoveryTimeoutMs: 100 });
    const echo = client('fairlead:///echo');
    const error = await echo.unary().catch((thrown) => thrown);
    expect(error.code).toBe(status.UNAVAILABLE);
    expect(error.details).toMatch(/echo/);
    const metadata = new Metadata({ waitForReady: true });
    const waiting = echo.unary({}, metadata);
    await sleep(50);
    resolver.update('echo', [server!.endpoint]);
    expect((await waiting).id).toBe('a');
  });

  it('starts while Consul is down: calls fail with the reason in time, none hangs', async () => {
    use({ resolver: consulResolver({ address: 'http://127.0.0.1:9' }) }, { discoveryTimeoutMs: 300 });
    const echo = client('fairlead:///echo');
    const deadline = Date.now() + 30_000;
    const error = await echo.unary({}, new Metadata(), { deadline }).catch((thrown) => thrown);
    // The reason comes before the deadline.
    expect(error.code).toBe(status.UNAVAILABLE);
    expect(error.details).toMatch(/endpoints of service 'echo' are not known/);
  });

  it('has two meshes with a service of the same name, each with a scheme', async () => {
    const [a, b] = await servers(2);
    use({ resolver: staticResolver({ echo: [a!.endpoint] }) }, { scheme: 'first' });
    use({ resolver: staticResolver({ echo: [b!.endpoint] }) }, { scheme: 'second' });
    expect((await client('first:///echo').unary()).id).toBe('a');
    expect((await client('second:///echo').unary()).id).toBe('b');
  });

  it.each([
    ['with a slash', 'team/echo', 'team%2Fecho'],
    ['with a colon', 'echo:v2', 'echo%3Av2'],
    ['with a space and a question mark', 'what now?', 'what%20now%3F'],
    ['in another script', 'служба', 'служба'],
    ['of a prototype', '__proto__', '__proto__'],
    ['of an own method', 'constructor', 'constructor'],
    ['with a percent sign', '50%', '50%25'],
  ])('names a service %s', async (_, name, path) => {
    const [server] = await servers(1);
    use({ resolver: staticResolver({ [name]: [server!.endpoint] }) });
    expect((await client(`fairlead:///${path}?policy=round_robin`).unary()).id).toBe('a');
  });

  it('closes the mesh during calls: those in progress finish, later ones are refused', async () => {
    const mesh = use({ resolver: staticResolver({ echo: (await servers(2)).map(({ endpoint }) => endpoint) }) });
    const echo = client('fairlead:///echo');
    await echo.unary();
    const running = Promise.all(Array.from({ length: 10 }, () => echo.unary({ delayMs: 300 })));
    await sleep(50);
    const closing = mesh.close({ deadlineMs: 5_000 });
    const refused = await echo.unary().catch((error) => error);
    expect(refused.code).toBe(status.UNAVAILABLE);
    expect(refused.details).toMatch(/closed/);
    expect(await running).toHaveLength(10);
    await closing;
  });
});
