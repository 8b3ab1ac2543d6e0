import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdmin } from '../adapters/admin/index.js';
import { sleep } from '../src/adapter.js';
import { consecutiveFailures, createMesh, type Mesh, staticResolver } from '../src/index.js';
import { meshFigures } from '../src/monitor/index.js';
import { type Command, Exit, givenNumber, type Io, isJson } from './command.js';
import { ms, percent, rate } from './figures.js';
import { Screen, stateStyle, styled, table } from './terminal.js';

/** Mean service times in milliseconds. */
const SERVERS: Readonly<Record<string, number>> = { alder: 4, birch: 6, cedar: 8, dogwood: 40 };
const CALLERS = 12;

export const command: Command = {
  usage: '[--page] [--seconds N]',
  about:
    'A mesh over HTTP servers of this process: one is slow, one begins to fail and is well again. Needs no network and nothing installed.',
  options: {
    page: { type: 'boolean', about: 'serves the page, and prints its address' },
    seconds: { type: 'string', value: 'N', about: 'default 20; with --page until it is ended' },
  },
  examples: ['fairlead demo', 'fairlead demo --page'],
  async run(input, io) {
    const page = input.values.page === true;
    const seconds = givenNumber(input, 'seconds', page ? Number.POSITIVE_INFINITY : 20, 1, Number.POSITIVE_INFINITY);
    const servers = await Promise.all(Object.values(SERVERS).map(serve));
    const list = Object.keys(SERVERS).map((id, i) => ({ id, host: '127.0.0.1', port: servers[i]!.port }));
    const mesh = createMesh({ resolver: staticResolver({ users: list }) });
    mesh.service('users', {
      policy: 'peak_ewma',
      health: [consecutiveFailures({ failures: 3, baseEjectionMs: 3_000 })],
    });
    const admin = createAdmin(mesh);
    if (page) {
      await admin.listen();
      io.err(`page: ${styled(io, 'bold', admin.address!)}\n`);
    }
    const figures = meshFigures(mesh);
    const ended = new AbortController();
    const load = Array.from({ length: CALLERS }, () => call(mesh, ended.signal));
    const screen = new Screen(io);
    const endMs = mesh.clock.now() + seconds * 1_000;
    let looks = 0;
    while (mesh.clock.now() < endMs && !io.signal.aborted) {
      // A third of the time one server fails.
      servers[1]!.failing = looks % 24 >= 8 && looks % 24 < 16;
      looks++;
      const [users] = figures.read().services;
      if (isJson(input)) io.out(`${JSON.stringify(users)}\n`);
      else if (io.isTerminal || looks % 4 === 0) screen.show(draw(io, users!.endpoints, servers[1]!.failing));
      await sleep(mesh.clock, 500, io.signal).catch(() => undefined);
    }
    screen.close();
    ended.abort();
    await Promise.all(load);
    const { total, failures } = figures.read().services[0]!.calls;
    if (!isJson(input)) io.out(`${total} attempts, ${failures} of them failed and were made again elsewhere\n`);
    figures.close();
    await mesh.close({ deadlineMs: 1_000 });
    for (const { server } of servers) server.closeAllConnections();
    return Exit.ok;
  },
};

type Endpoints = ReturnType<ReturnType<typeof meshFigures>['read']>['services'][number]['endpoints'];

function draw(io: Io, endpoints: Endpoints, failing: boolean): readonly string[] {
  const rows = endpoints.map(({ id, state, inflight, calls, reason }) => [
    id,
    state,
    String(inflight),
    rate(calls?.last10s.callsPerSecond ?? undefined),
    ms(calls?.last10s.p50Ms ?? undefined),
    ms(calls?.last10s.p99Ms ?? undefined),
    percent(calls?.last10s.failureRatio ?? undefined),
    reason ?? '',
  ]);
  const right = { align: 'right' } as const;
  const columns = [
    { title: 'server' },
    { title: 'state', style: stateStyle },
    ...['in flight', 'calls/s', 'p50', 'p99', 'errors'].map((title) => ({ title, ...right })),
    { title: 'why' },
  ];
  return [
    styled(io, 'dim', failing ? 'birch fails' : 'all are well; dogwood is slow'),
    '',
    ...table(io, columns, rows),
  ];
}

interface DemoServer {
  readonly server: Server;
  readonly port: number;
  failing: boolean;
}

async function serve(meanMs: number): Promise<DemoServer> {
  const mesh = createMesh();
  const server = createServer((_, response) => {
    const waitMs = made.failing ? 1 : meanMs * (0.6 + 0.8 * mesh.random.float());
    mesh.clock.after(waitMs, () => response.writeHead(made.failing ? 503 : 200).end('{}'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  const made: DemoServer = { server, port: (server.address() as AddressInfo).port, failing: false };
  return made;
}

async function call(mesh: Mesh, signal: AbortSignal): Promise<void> {
  const users = mesh.service('users');
  while (!signal.aborted) {
    await users
      .call(
        async ({ spec }) => {
          const response = await fetch(`http://${spec.host}:${spec.port}/`);
          await response.text();
          if (!response.ok) throw Object.assign(new Error(`status ${response.status}`), { code: 'ECONNRESET' });
        },
        { idempotent: true },
      )
      .catch(() => undefined);
    await sleep(mesh.clock, 5 + 20 * mesh.random.float(), signal).catch(() => undefined);
  }
}
