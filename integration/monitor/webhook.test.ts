import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createMesh, staticResolver } from 'fairlead';
import { type AlertEvent, monitorMesh } from 'fairlead/monitor';
import { afterEach, expect, it } from 'vitest';
import { until } from '../harness/index.js';

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

async function listen(answer: (request: IncomingMessage, response: ServerResponse, body: string) => void) {
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    answer(request, response, body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = (): Promise<unknown> => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  endings.push(close);
  return { port: (server.address() as AddressInfo).port, close };
}

it('a real service that fails and recovers is alerted about by the webhook, once each', async () => {
  let failing = true;
  const backend = await listen((_, response) => response.writeHead(failing ? 500 : 200).end());
  const posted: { headers: IncomingMessage['headers']; events: AlertEvent[] }[] = [];
  let refusals = 1;
  const hook = await listen(({ headers }, response, body) => {
    // The first attempt is turned away, and made again.
    if (refusals-- > 0) {
      response.writeHead(503).end();
      return;
    }
    posted.push({ headers, events: JSON.parse(body).events });
    response.end();
  });
  const mesh = createMesh({ resolver: staticResolver({ users: [`127.0.0.1:${backend.port}`] }) });
  endings.push(() => mesh.close());
  const monitor = monitorMesh(mesh, {
    intervalMs: 200,
    limits: { minCalls: 5 },
    webhook: { url: `http://127.0.0.1:${hook.port}/alerts?token=s3cret`, headers: { authorization: 'Bearer abc' } },
  });
  endings.push(() => monitor.close());
  const users = mesh.service('users');
  let working = true;
  const work = (async () => {
    while (working) {
      await users
        .call(async ({ spec }) => {
          const response = await fetch(`http://${spec.host}:${spec.port}/`);
          await response.arrayBuffer();
          if (!response.ok) throw Object.assign(new Error('refused'), { status: response.status });
        })
        .catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  })();
  endings.push(async () => {
    working = false;
    await work;
  });
  const told = (): string[] => posted.flatMap(({ events }) => events.map(({ what, alert }) => `${what} ${alert.rule}`));
  await until('the failure is posted', () => told().includes('raised error_rate'));
  expect(posted[0]!.headers).toMatchObject({ authorization: 'Bearer abc', 'content-type': 'application/json' });
  expect(monitor.health().status).not.toBe('ready');
  failing = false;
  await until('the recovery is posted', () => told().includes('cleared error_rate'));
  expect(told().filter((each) => each.endsWith('error_rate'))).toEqual(['raised error_rate', 'cleared error_rate']);
});

it('a webhook that does not answer keeps no process that closes its mesh', async () => {
  let attempts = 0;
  const hook = await listen((_, response) => {
    attempts++;
    response.writeHead(503).end();
  });
  const mesh = createMesh({ resolver: staticResolver({ users: [] }) });
  const monitor = monitorMesh(mesh, { intervalMs: 100, webhook: { url: `http://127.0.0.1:${hook.port}/` } });
  endings.push(() => monitor.close());
  mesh.service('users');
  await until('it is turned away', () => attempts === 1);
  const failed = new Promise<Error>((resolve) => monitor.on('error', resolve));
  await mesh.close({ deadlineMs: 0 });
  // No pause any more, and one attempt.
  expect((await failed).message).toBe(
    'The webhook for alerts did not take them before the mesh was closed: it answered 503.',
  );
  expect(attempts).toBe(2);
});

it('a webhook that takes nothing is an error of the monitor, without its address', async () => {
  const hook = await listen((_, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end());
  const mesh = createMesh({ resolver: staticResolver({ users: [] }) });
  endings.push(() => mesh.close());
  const monitor = monitorMesh(mesh, {
    intervalMs: 100,
    webhook: { url: `http://127.0.0.1:${hook.port}/?token=s3cret`, timeoutMs: 1_000 },
  });
  endings.push(() => monitor.close());
  mesh.service('users');
  const error = await new Promise<Error>((resolve) => monitor.on('error', resolve));
  expect(error).toMatchObject({ code: 'FAIRLEAD_WEBHOOK' });
  expect(error.message).not.toContain('s3cret');
  expect(error.message).not.toContain(String(hook.port));
});
