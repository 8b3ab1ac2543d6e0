import { status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { startServers, type TestServer, tally, until } from './support.js';
import { EchoMesh } from './support-mesh.js';

let servers: TestServer[] = [];
let echo: EchoMesh;
afterEach(async () => {
  await echo.close();
  await Promise.all(servers.map((server) => server.stop()));
});

/** Two servers, of which one breaks off after headers and message. */
async function setUp(breaksOff: 'hang' | 'die', method: object) {
  servers = await startServers(2);
  servers[0]!.set({ breaksOff });
  const serviceConfig = { methodConfig: [{ name: [{}], idempotent: true, ...method }] };
  echo = new EchoMesh(servers, { health: [] }, { defaults: { serviceConfig } });
  const client = echo.connect('fairlead:///echo?policy=round_robin');
  await until(
    async () => Object.keys(tally([await client.unary(), await client.unary()])).length === 2,
    'both are connected',
  );
  return () =>
    Promise.allSettled(
      Array.from({ length: 20 }, () => client.unary({}, undefined, { deadline: Date.now() + 4_000 }, 'Half')),
    );
}

const values = (settled: readonly PromiseSettledResult<unknown>[]): unknown[] =>
  settled.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
const failures = (settled: readonly PromiseSettledResult<unknown>[]): number[] =>
  settled.flatMap((each) => (each.status === 'rejected' ? [each.reason.code] : []));

describe('a server that breaks off between message and status', () => {
  it.each(['hang', 'die'] as const)('fails no unary call that may be repeated: %s', async (breaksOff) => {
    const call = await setUp(breaksOff, { unary: true });
    const settled = await call();
    expect(failures(settled)).toEqual([]);
    expect(tally(values(settled) as never)).toEqual({ b: 20 });
    expect(echo.inflight).toBe(0);
  });

  // The rule of gRFC A6, which is what happens where nothing is said of the method.
  it.each([
    ['hang', status.DEADLINE_EXCEEDED],
    ['die', status.UNAVAILABLE],
  ] as const)('fails the calls that were on it where the answer may be a stream: %s', async (breaksOff, code) => {
    const call = await setUp(breaksOff, {});
    const failed = failures(await call());
    expect(failed.length).toBeGreaterThanOrEqual(5);
    expect(new Set(failed)).toEqual(new Set([code]));
  });
});

it('a stream that is called unary is whole, if late', async () => {
  await setUp('die', { unary: true });
  const client = echo.connect('fairlead:///echo');
  for (const count of [0, 1, 2, 5]) {
    expect((await client.serverStream({ count, everyMs: 5 })).map(({ n }) => n)).toEqual([...Array(count).keys()]);
  }
  expect((await client.bidi([{ x: 1 }, { x: 2 }, { x: 3 }])).map(({ echo }) => echo)).toEqual([
    { x: 1 },
    { x: 2 },
    { x: 3 },
  ]);
});

it('an answer that says no is handed on as it is, and so is one that says yes', async () => {
  const call = await setUp('die', { unary: true });
  await call();
  const client = echo.connect('fairlead:///echo');
  await expect(client.unary({ code: status.NOT_FOUND })).rejects.toMatchObject({ code: status.NOT_FOUND });
  await expect(client.unary()).resolves.toMatchObject({ id: 'b' });
});
