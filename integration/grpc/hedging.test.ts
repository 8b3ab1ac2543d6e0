import { type ServiceError, status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { startServers, type TestServer, until } from './support.js';
import { EchoMesh } from './support-mesh.js';

let servers: TestServer[] = [];
let echo: EchoMesh;
/** The calls by which a client connected. */
let connecting = 0;
afterEach(async () => {
  await echo.close();
  await Promise.all(servers.map((server) => server.stop()));
});

const arrived = async (): Promise<number> =>
  (await Promise.all(servers.map((server) => server.calls()))).reduce((sum, calls) => sum + calls, 0);

/** Three servers, and a client that is connected to all of them. */
async function setUp(serviceConfig: object) {
  servers = await startServers(3);
  // Whom an outage would eject does not matter here: the last healthy one is not ejected anyway.
  echo = new EchoMesh(servers, { health: [] }, { defaults: { serviceConfig } });
  const client = echo.connect('fairlead:///echo?policy=round_robin');
  connecting = 0;
  await until(async () => {
    connecting += 3;
    await Promise.all([client.unary(), client.unary(), client.unary()]);
    return (await Promise.all(servers.map((server) => server.calls()))).every((calls) => calls > 0);
  }, 'all are connected');
  return client;
}

/**
 * Makes calls, so many at a time; gives how many attempts of them reached servers, and how they
 * failed.
 */
async function make(calls: number, concurrency: number, call: () => Promise<unknown>) {
  const before = await arrived();
  const startMs = performance.now();
  const failures: ServiceError[] = [];
  let left = calls;
  const worker = async (): Promise<void> => {
    while (left-- > 0) await call().catch((error) => failures.push(error));
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return { attempts: (await arrived()) - before, failures, allowed: allowedOf(calls, performance.now() - startMs) };
}

/**
 * The calls, 20 % of them, and a hundred in each ten seconds; the calls before, by which clients
 * connect, pay in as well, and what they repeated may arrive late.
 */
const allowedOf = (calls: number, ms: number): number =>
  1.2 * (calls + connecting) + 100 * Math.ceil(ms / 10_000) + 2 * connecting;

describe.each([
  ['', {}],
  [', with calls that wait for a connection', { waitForReady: true }],
])('hedges of idempotent calls%s', (_, more) => {
  const idempotent = { methodConfig: [{ name: [{}], idempotent: true, ...more }] };

  it('stay within the budget while every server fails, and the caller sees how', async () => {
    const client = await setUp(idempotent);
    for (const server of servers) server.set({ code: status.UNAVAILABLE });
    const { attempts, failures, allowed } = await make(2_000, 50, () => client.unary());
    expect(attempts).toBeLessThanOrEqual(allowed);
    expect(attempts).toBeGreaterThan(2_000 + 100);
    expect(failures).toHaveLength(2_000);
    expect([...new Set(failures.map((error) => error.message))]).toEqual(['14 UNAVAILABLE: told to answer 14']);
    expect(echo.inflight).toBe(0);
  });

  it('stay within the budget while every server hangs', async () => {
    const client = await setUp(idempotent);
    for (const server of servers) server.set({ delayMs: 60_000 });
    const call = () => client.unary({}, undefined, { deadline: Date.now() + 1_400 });
    const { attempts, failures, allowed } = await make(900, 300, call);
    expect(attempts).toBeLessThanOrEqual(allowed);
    expect(failures.filter((error) => error.code === status.DEADLINE_EXCEEDED)).toHaveLength(900);
    expect(echo.inflight).toBe(0);
  });

  it('that are one too many leave the attempts be that are on their way', async () => {
    const client = await setUp(idempotent);
    for (const server of servers) server.set({ delayMs: 3_000 });
    const { attempts, failures, allowed } = await make(900, 300, () => client.unary());
    expect(attempts).toBeLessThanOrEqual(allowed);
    expect(attempts).toBeGreaterThan(900 + 100);
    expect(failures).toEqual([]);
  });
});

describe('hedges of a policy that was given', () => {
  const hedgingPolicy = { maxAttempts: 3, hedgingDelay: '0.05s' };

  it('are throttled as retryThrottling says, by what calls without hedges answer too', async () => {
    const client = await setUp({
      methodConfig: [
        {
          name: [{ service: 'test.Echo', method: 'Unary' }],
          hedgingPolicy: { ...hedgingPolicy, nonFatalStatusCodes: [14] },
        },
      ],
      retryThrottling: { maxTokens: 10, tokenRatio: 1 },
    });
    const fail = () => client.unary({ code: status.UNAVAILABLE });
    // From ten tokens five failures leave half: the first call has its three attempts, the second
    // two, then none repeat.
    const { attempts, failures } = await make(20, 1, fail);
    expect(attempts).toBe(20 + 3);
    expect([...new Set(failures.map((error) => error.message))]).toEqual(['14 UNAVAILABLE: told to answer 14']);
    for (let i = 0; i < 10; i++) await client.clientStream([{}]);
    expect((await make(1, 1, fail)).attempts).toBe(3);
  });

  it('are not throttled where nothing says so', async () => {
    const client = await setUp({ methodConfig: [{ name: [{}], hedgingPolicy }] });
    for (const server of servers) server.set({ delayMs: 400 });
    const { attempts, failures, allowed } = await make(300, 100, () => client.unary());
    expect(attempts).toBeGreaterThan(allowed);
    expect(failures).toEqual([]);
  });
});
