import { type ClientReadableStream, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import type { ServiceOptions } from 'fairlead';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, type EchoClient, startServers, type TestServer, until } from './support.js';
import { EchoMesh } from './support-mesh.js';

let servers: TestServer[];
let world: EchoMesh;

beforeAll(async () => {
  servers = await startServers(2);
});
afterAll(() => Promise.all(servers.map((server) => server.stop())));
afterEach(() => world?.close());

async function connect(service: ServiceOptions = {}): Promise<EchoClient> {
  world = new EchoMesh(servers, { policy: 'least_request', ...service });
  const client = world.connect('fairlead:///echo');
  const seen = new Set<string>();
  await until(async () => seen.add((await client.unary()).id).size === servers.length, 'both are connected');
  return client;
}

const write = (value: object): Buffer => Buffer.from(JSON.stringify(value));
const read = (bytes: Buffer): Answer => JSON.parse(bytes.toString());

/** A server stream that does not end before its reader does. */
function endless(client: EchoClient): ClientReadableStream<Answer> {
  return client.makeServerStreamRequest('/test.Echo/Server', write, read, { count: 1e9, everyMs: 1 }, new Metadata());
}

/** A server stream of a few messages. */
function brief(client: EchoClient): ClientReadableStream<Answer> {
  return client.makeServerStreamRequest('/test.Echo/Server', write, read, { count: 5 }, new Metadata());
}

const noneInFlight = (): Promise<void> => until(() => world.inflight === 0, 'no call is counted in flight', 3_000);

describe('a server stream that its reader leaves', () => {
  it('by break is over, for the endpoint and for the server', async () => {
    const client = await connect();
    for (let i = 0; i < 10; i++) {
      for await (const _ of endless(client) as AsyncIterable<Answer>) break;
    }
    await noneInFlight();
    const answers = await Promise.all(Array.from({ length: 100 }, () => client.unary()));
    expect(answers.filter(({ id }) => id === 'a').length).toBeGreaterThan(30);
    expect(answers.filter(({ id }) => id === 'b').length).toBeGreaterThan(30);
    await until(async () => (await openStreams()) === 0, 'the servers know');
  });

  it('by break does not lock a service with a limit', async () => {
    const client = await connect({ resilience: { limits: { maxInflightPerEndpoint: 10 } } });
    for (let i = 0; i < 30; i++) {
      for await (const _ of endless(client) as AsyncIterable<Answer>) break;
    }
    await noneInFlight();
    await expect(client.unary()).resolves.toBeDefined();
  });

  it('by an exception in its loop is over', async () => {
    const client = await connect();
    const run = async (): Promise<void> => {
      for await (const _ of endless(client) as AsyncIterable<Answer>) throw new Error('mine');
    };
    await expect(run()).rejects.toThrow('mine');
    await noneInFlight();
  });

  it('by destroy() reports no error that was not asked for', async () => {
    const client = await connect();
    const stream = endless(client);
    const errors: unknown[] = [];
    stream.on('error', (error) => errors.push(error));
    await new Promise((resolve) => stream.once('data', resolve));
    const closed = new Promise((resolve) => stream.once('close', resolve));
    stream.destroy();
    await closed;
    await noneInFlight();
    expect(errors).toEqual([]);
  });

  it('by destroy(error) reports that error', async () => {
    const client = await connect();
    const stream = endless(client);
    const errors: unknown[] = [];
    stream.on('error', (error) => errors.push(error));
    await new Promise((resolve) => stream.once('data', resolve));
    const closed = new Promise((resolve) => stream.once('close', resolve));
    stream.destroy(new Error('mine'));
    await closed;
    await noneInFlight();
    expect(errors.map(String)).toEqual(['Error: mine']);
  });

  it('unread is over when the server has said all', async () => {
    const client = await connect();
    const streams = Array.from({ length: 5 }, () => brief(client));
    await noneInFlight();
    for (const stream of streams) {
      const answers: Answer[] = [];
      for await (const answer of stream as AsyncIterable<Answer>) answers.push(answer);
      expect(answers).toHaveLength(5);
    }
  });

  it('half-read is over when the server has said all, and can be read on', async () => {
    const client = await connect();
    const iterator = (brief(client) as AsyncIterable<Answer>)[Symbol.asyncIterator]();
    await iterator.next();
    await noneInFlight();
    let more = 0;
    while (!(await iterator.next()).done) more++;
    expect(more).toBe(4);
  });

  it('by cancel() is over', async () => {
    const client = await connect();
    const stream = endless(client);
    const failed = new Promise<ServiceError>((resolve) => stream.on('error', resolve));
    stream.once('data', () => stream.cancel());
    expect((await failed).code).toBe(status.CANCELLED);
    await noneInFlight();
  });

  it('before it began is over', async () => {
    const client = await connect();
    endless(client).destroy();
    await noneInFlight();
  });
});

describe('a stream of requests that its writer leaves', () => {
  it('by destroy() before its end is over', async () => {
    const client = await connect();
    const failed = new Promise<ServiceError | null>((resolve) => {
      const stream = client.makeClientStreamRequest('/test.Echo/Client', write, read, new Metadata(), resolve);
      stream.write({ n: 1 });
      setTimeout(() => stream.destroy(), 20);
    });
    expect((await failed)?.code).toBe(status.CANCELLED);
    await noneInFlight();
  });

  it('after its end is answered', async () => {
    const client = await connect();
    await expect(client.clientStream([{ n: 1 }, { n: 2 }])).resolves.toMatchObject({ count: 2 });
    await noneInFlight();
  });

  it('in both directions, by break, is over', async () => {
    const client = await connect();
    const stream = client.makeBidiStreamRequest('/test.Echo/Bidi', write, read, new Metadata());
    stream.write({ n: 1 });
    for await (const _ of stream as AsyncIterable<Answer>) break;
    await noneInFlight();
  });
});

async function openStreams(): Promise<number> {
  const counts = await Promise.all(servers.map((server) => server.counts()));
  return counts.reduce((sum, { streams }) => sum + streams, 0);
}
