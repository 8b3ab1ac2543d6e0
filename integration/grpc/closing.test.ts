import { status } from '@grpc/grpc-js';
import { afterEach, expect, it } from 'vitest';
import { startServers, type TestServer, until } from './support.js';
import { EchoMesh } from './support-mesh.js';

let servers: TestServer[] = [];
let echo: EchoMesh;
afterEach(async () => {
  await echo.close();
  await Promise.all(servers.map((server) => server.stop()));
});

it('what has not ended when the mesh closes is broken off at its deadline, streams too, and counted', async () => {
  servers = await startServers(2);
  echo = new EchoMesh(servers);
  const client = echo.connect('fairlead:///echo');
  await client.unary();
  for (const server of servers) server.set({ delayMs: 60_000 });
  const ends = [client.unary(), client.unary(), client.bidi([])].map((call) =>
    call.then(
      () => 'answered',
      (error: { code: number; details: string }) => error,
    ),
  );
  await until(() => echo.inflight >= 2, 'calls are under way');
  await echo.mesh.close({ deadlineMs: 300 });
  for (const end of (await Promise.all(ends)).slice(0, 2)) {
    expect(end).toMatchObject({ code: status.UNAVAILABLE, details: expect.stringMatching(/^FAIRLEAD_CLOSED: /) });
  }
  expect(echo.mesh.service('echo').callStats.brokenOff).toBeGreaterThanOrEqual(2);
  expect(echo.inflight).toBe(0);
});
