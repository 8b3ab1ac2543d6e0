import { type AdminState, createAdmin } from 'fairlead/admin';
import { logMesh, type MeshMonitor, meshFigures, monitorMesh } from 'fairlead/monitor';
import { afterEach, expect, it } from 'vitest';
import { startServers, type TestServer, until } from './support.js';
import { EchoMesh } from './support-mesh.js';

let servers: TestServer[] = [];
let echo: EchoMesh;
afterEach(async () => {
  await echo.close();
  await Promise.all(servers.map((server) => server.stop()));
});

const reasonOf = (monitor: MeshMonitor): string | null => monitor.health(['echo']).subjects[0]!.reason;

const log: string[] = [];
/** A process that is killed resets what it had not accepted yet, and refuses what comes later. */
const GONE = /: (connect ECONNREFUSED|(read |connect )?ECONNRESET)(?= \()/;

const logger = {
  info: (line: string) => void log.push(`info ${line}`),
  warn: (line: string) => void log.push(`warn ${line.replace(GONE, ': gone')}`),
  error: (line: string) => void log.push(`error ${line}`),
};

it('what gRPC cannot connect to is a line, an event of the registration and one of the page, once each', async () => {
  servers = await startServers(2);
  const [a, b] = servers as [TestServer, TestServer];
  echo = new EchoMesh(servers);
  const admin = createAdmin(echo.mesh);
  const port = await admin.listen(0);
  const stopLog = logMesh(echo.mesh, logger, { gatherMs: 0 });
  const changes: string[] = [];
  echo.registration.on('connectivity', ({ service, endpoint, connected }) =>
    changes.push(`${service} ${endpoint.spec.id} ${connected}`),
  );
  const one = echo.connect('fairlead:///echo');
  const another = echo.connect('fairlead:///echo?policy=random');
  await Promise.all([one.unary(), another.unary()]);
  log.length = 0;

  await a.stop();
  const lost = (which: TestServer): string =>
    `warn fairlead: no usable connection: gone (${which.endpoint.id} of echo)`;
  await until(() => log.includes(lost(a)), 'a is told of');
  await b.stop();
  await until(() => log.includes('error fairlead: no endpoint has a usable connection (echo)'), 'none is left');
  // Attempts go on, and say the same.
  await one.unary().catch(() => {});
  expect(log.filter((line) => line.includes('usable'))).toEqual([
    lost(a),
    lost(b),
    'error fairlead: no endpoint has a usable connection (echo)',
  ]);
  expect(changes).toEqual([`echo ${a.endpoint.id} false`, `echo ${b.endpoint.id} false`]);

  await Promise.all([a.start(), b.start()]);
  echo.list(servers);
  await until(() => changes.length === 4, 'both are back');
  await until(() => log.includes('info fairlead: there are usable connections again (echo)'), 'that is logged');
  const page = (await (await fetch(`http://127.0.0.1:${port}/api/state`)).json()) as AdminState;
  const events = Object.values(page.events).map(({ level, subject, text }) => `${level} ${subject} ${text}`);
  expect(events).toContain('error echo no endpoint has a usable connection');
  expect(events).toContain('info echo there are usable connections again');
  stopLog();
});

it('what gRPC cannot connect to is not ready in figures, health and on the page, until it is back', async () => {
  servers = await startServers(2);
  const [a, b] = servers as [TestServer, TestServer];
  echo = new EchoMesh(servers);
  using figures = meshFigures(echo.mesh);
  using monitor = monitorMesh(echo.mesh);
  const admin = createAdmin(echo.mesh);
  const port = await admin.listen(0);
  const client = echo.connect('fairlead:///echo');
  await client.unary();
  const states = (): string =>
    figures
      .read()
      .services[0]!.endpoints.map(({ state }) => state)
      .join();
  expect([states(), monitor.health().status]).toEqual(['ready,ready', 'ready']);

  await a.stop();
  await until(() => states() === 'unhealthy,ready', 'a is seen to be gone');
  expect(figures.read().services[0]).toMatchObject({ ready: 1, calls: { failures: 0 } });
  expect(figures.read().services[0]!.endpoints[0]!.reason).toMatch(/^not connected: ./);
  expect(monitor.health(['echo'])).toMatchObject({ status: 'degraded' });

  await b.stop();
  await until(() => states() === 'unhealthy,unhealthy', 'b is seen to be gone');
  await client.unary().catch(() => {});
  expect(monitor.health(['echo'])).toMatchObject({ status: 'down' });
  expect(reasonOf(monitor)).toMatch(/^none of 2 endpoints is usable: not connected: .*ECONN(REFUSED|RESET)/);
  const page = await fetch(`http://127.0.0.1:${port}/api/state`);
  const { services } = (await page.json()) as { services: Record<string, { ready: number }> };
  expect(services.echo!.ready).toBe(0);

  await Promise.all([a.start(), b.start()]);
  echo.list(servers);
  await until(() => states() === 'ready,ready', 'both are back');
  expect(monitor.health(['echo'])).toEqual({
    status: 'ready',
    subjects: [{ name: 'echo', status: 'ready', reason: null }],
  });
});
