import { credentials, Client as GrpcClient, Metadata } from '@grpc/grpc-js';
import { createMesh, staticResolver } from 'fairlead';
import { registerGrpc } from 'fairlead/grpc';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { type Answer, EchoClient, Mute, startServers, type TestServer } from './support.js';
import { EchoMesh } from './support-mesh.js';

let servers: TestServer[];
let world: EchoMesh | undefined;

beforeAll(async () => {
  servers = await startServers(1);
});
afterAll(() => Promise.all(servers.map((server) => server.stop())));
afterEach(async () => {
  await world?.close();
  world = undefined;
});

const write = (value: object): Buffer => Buffer.from(JSON.stringify(value));
const read = (bytes: Buffer): Answer => JSON.parse(bytes.toString());

/** A service whose config says `unary` of methods that stream; what was warned of. */
async function misconfigured(): Promise<{ client: EchoClient; warnings: string[] }> {
  const methodConfig = [{ name: [{}], unary: true, idempotent: true }];
  world = new EchoMesh(servers, {}, { defaults: { serviceConfig: { methodConfig } } });
  const client = world.connect('fairlead:///echo');
  await client.unary();
  const warnings: string[] = [];
  const listener = (warning: Error & { code?: string }): void => {
    if (warning.code === 'FAIRLEAD_UNARY_STREAMS') warnings.push(warning.message);
  };
  process.on('warning', listener);
  return { client, warnings };
}

it('a stream in both directions of which the config says unary does not hang, and it is said', async () => {
  const { client, warnings } = await misconfigured();
  const stream = client.makeBidiStreamRequest('/test.Echo/Bidi', write, read, new Metadata());
  const answers: unknown[] = [];
  stream.write({ n: 0 });
  for await (const { echo } of stream as AsyncIterable<Answer>) {
    answers.push(echo);
    if (answers.length === 3) stream.end();
    else if (answers.length < 3) stream.write({ n: answers.length });
  }
  expect(answers).toEqual([{ n: 0 }, { n: 1 }, { n: 2 }]);
  expect(warnings).toEqual([expect.stringContaining('/test.Echo/Bidi')]);
});

it('a server stream of which the config says unary gives its first message, and it is said', async () => {
  const { client, warnings } = await misconfigured();
  const stream = client.makeServerStreamRequest('/test.Echo/Server', write, read, { count: 2, everyMs: 30_000 });
  for await (const { n } of stream as AsyncIterable<Answer>) {
    expect(n).toBe(0);
    break;
  }
  expect(warnings).toEqual([expect.stringContaining('/test.Echo/Server')]);
});

it('a method that answered by one message is no stream where a server breaks off before its status', async () => {
  const { client, warnings } = await misconfigured();
  await client.unary({}, new Metadata(), {}, 'Half');
  servers[0]!.set({ breaksOff: 'hang' });
  try {
    // Longer than an answer waits for its status.
    const hangs = client.unary({}, new Metadata(), { deadline: Date.now() + 3_000 }, 'Half');
    await expect(hangs).rejects.toMatchObject({ code: 4 });
    expect(warnings).toEqual([]);
  } finally {
    servers[0]!.set({ breaksOff: null as never });
  }
});

it('a client that is made before registerGrpc is told so, and not of DNS', () => {
  const early = (): GrpcClient => new GrpcClient('fairlead:///users', credentials.createInsecure());
  expect(early).toThrow(/scheme 'fairlead' is not registered: call registerGrpc\(mesh\) before/);
  const mesh = createMesh({ resolver: staticResolver({ users: ['127.0.0.1:1'] }) });
  registerGrpc(mesh).close();
});

it('a service that discovery does not know is said to be so at once, and not at the deadline', async () => {
  const mesh = createMesh({ resolver: staticResolver({ users: ['127.0.0.1:1'] }) });
  const registration = registerGrpc(mesh);
  const client = new EchoClient('fairlead:///user');
  try {
    await expect(client.unary()).rejects.toThrow(/14 UNAVAILABLE.*'user'.*only for 'users'/);
  } finally {
    client.close();
    registration.close();
  }
});

it('a deadline that passes before discovery has answered says so', async () => {
  const silent = { name: 'silent', watch: () => {} };
  const mesh = createMesh({ resolver: silent });
  const registration = registerGrpc(mesh);
  const client = new EchoClient('fairlead:///users');
  try {
    const call = client.unary({}, new Metadata(), { deadline: Date.now() + 50 });
    await expect(call).rejects.toThrow(/4 DEADLINE_EXCEEDED: .* while the call waited: .*'users'.*has not answered/);
  } finally {
    client.close();
    registration.close();
  }
});

it('a deadline that passes while there is no connection says what each endpoint said', async () => {
  const mute = await new Mute().start();
  world = new EchoMesh([]);
  world.resolver.update('echo', [mute.endpoint, { id: 'nobody', host: '127.0.0.1', port: 1 }]);
  const client = world.connect('fairlead:///echo');
  const call = (metadata: Metadata): Promise<unknown> =>
    client.unary({}, metadata, { deadline: Date.now() + 300 }).catch(({ details }) => details);
  try {
    const reason =
      /^Deadline exceeded after .*, while the call waited: No connection .* \(mute: .*; nobody: .*refused/i;
    expect(await call(new Metadata())).toMatch(reason);
    expect(await call(new Metadata({ waitForReady: true }))).toMatch(reason);
  } finally {
    await mute.stop();
  }
});
