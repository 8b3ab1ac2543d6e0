import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import type { GrpcServiceConfig } from 'fairlead/grpc';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Answer, type EchoClient, sleep, startServers, type TestServer, until } from './support.js';
import { EchoMesh } from './support-mesh.js';

let servers: TestServer[];
let world: EchoMesh;
let client: EchoClient;

const hedged: GrpcServiceConfig = {
  methodConfig: [{ name: [{}], hedgingPolicy: { maxAttempts: 3, nonFatalStatusCodes: ['UNAVAILABLE'] } }],
};

beforeAll(async () => {
  servers = await startServers(3);
});
afterAll(() => Promise.all(servers.map((server) => server.stop())));
afterEach(() => world.close());

const write = (value: object): Buffer => Buffer.from(JSON.stringify(value));
const read = (bytes: Buffer): Answer => JSON.parse(bytes.toString());

async function calls(): Promise<number> {
  const counts = await Promise.all(servers.map((server) => server.calls()));
  return counts.reduce((sum, each) => sum + each, 0);
}

/** Calls that servers saw while it ran, and a moment longer. */
async function callsDuring(run: () => unknown): Promise<number> {
  const before = await calls();
  await run();
  await sleep(150);
  return (await calls()) - before;
}

async function after(microtasks: number): Promise<void> {
  for (let i = 0; i < microtasks; i++) await null;
}

/** A unary call; `then` is told of it in its own tick. */
function unary(options: object, then: (call: { cancel(): void }) => void = () => {}): Promise<ServiceError | null> {
  return new Promise((resolve) => {
    then(client.makeUnaryRequest('/test.Echo/Unary', write, read, {}, new Metadata(), options, resolve));
  });
}

describe.each([
  ['a call', undefined],
  ['a hedged call', hedged],
])('%s reaches no server', (_, serviceConfig) => {
  beforeEach(async () => {
    world = new EchoMesh(servers, {}, serviceConfig === undefined ? {} : { defaults: { serviceConfig } });
    client = world.connect('fairlead:///echo');
    const before = await Promise.all(servers.map((server) => server.calls()));
    await until(async () => {
      await client.unary();
      const now = await Promise.all(servers.map((server) => server.calls()));
      return now.every((each, i) => each > before[i]!);
    }, 'all are connected');
    await sleep(50);
    failuresBefore = failures();
  });
  let failuresBefore: number[];
  const failures = (): number[] => world.mesh.service('echo').endpoints.map((endpoint) => endpoint.failures);
  const settled = (): void => {
    expect(world.inflight).toBe(0);
    expect(failures()).toEqual(failuresBefore);
  };

  it('that is cancelled in its own tick', async () => {
    const seen = await callsDuring(async () => {
      const ended = await Promise.all(Array.from({ length: 5 }, () => unary({}, (call) => call.cancel())));
      expect(ended.map((error) => error?.code)).toEqual(Array(5).fill(status.CANCELLED));
    });
    expect(seen).toBe(0);
    settled();
  });

  it('that is cancelled some microtasks later', async () => {
    for (let turns = 0; turns < 8; turns++) {
      const seen = await callsDuring(() =>
        unary({}, (call) => {
          void after(turns).then(() => call.cancel());
        }),
      );
      // Once its stream is open the server may hear of it.
      expect(seen).toBeLessThanOrEqual(turns < 2 ? 0 : 3);
    }
    settled();
  });

  it.each([
    ['from a macrotask', () => sleep(1)],
    ['from a microtask', () => Promise.resolve()],
  ])('whose deadline has passed, made %s', async (__, turn) => {
    const seen = await callsDuring(async () => {
      for (const deadline of [0, Date.now() - 1_000, new Date(Date.now() - 1)]) {
        await turn();
        const ended = await Promise.all(Array.from({ length: 5 }, () => unary({ deadline })));
        expect(ended.map((error) => error?.code)).toEqual(Array(5).fill(status.DEADLINE_EXCEEDED));
      }
    });
    expect(seen).toBe(0);
    settled();
  });

  it('that is cancelled while it waits for its first connection', async () => {
    const late = world.connect('fairlead:///echo', { 'fairlead.test': 1 });
    const seen = await callsDuring(() => {
      const call = late.makeUnaryRequest('/test.Echo/Unary', write, read, {}, new Metadata(), () => {});
      call.cancel();
    });
    expect(seen).toBe(0);
    settled();
  });
});
