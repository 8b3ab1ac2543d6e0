import { type ServiceError, status } from '@grpc/grpc-js';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { Load, Mute, sleep, startServers, type TestServer, until } from './support.js';
import { EchoMesh } from './support-mesh.js';

const CONCURRENCY = 100;
/** What callers of a service that answers in 5 ms would set. */
const DEADLINE_MS = 1_500;
/**
 * Calls that are repeated must outlast the repeat, on two cores that also run the servers and
 * whatever else there is.
 */
const IDEMPOTENT_DEADLINE_MS = 5_000;

let servers: TestServer[] = [];
let echo: EchoMesh;
afterEach(async () => {
  await echo.close();
  await Promise.all(servers.map((server) => server.stop()));
});

/** What is printed in the end: how many of how many calls failed. */
const report: string[] = [];
afterAll(() => console.log(['', 'failed of calls, 100 at a time, three servers:', ...report].join('\n')));

interface Scenario {
  readonly name: string;
  /** What happens while calls are made. */
  readonly fault: (servers: readonly TestServer[]) => Promise<void>;
  /** Without repeats, at most so many calls may fail. */
  readonly mayFail: number;
  /** Failures by these codes are the application's own answers. */
  readonly answers?: readonly status[];
}

const [A, B, C] = [0, 1, 2] as const;

const scenarios: Scenario[] = [
  {
    name: 'a fourth accepts connections and never speaks',
    mayFail: 0,
    fault: async (all) => {
      const mute = await new Mute().start();
      echo.resolver.update('echo', [...all.map((server) => server.endpoint), mute.endpoint]);
      await until(() => mute.accepted > 0, 'it was connected to');
      await sleep(500);
      await mute.stop();
    },
  },
  { name: 'SIGKILL of one', mayFail: CONCURRENCY, fault: (all) => all[B]!.stop() },
  {
    name: 'SIGSTOP of one',
    mayFail: CONCURRENCY,
    fault: async (all) => {
      all[B]!.signal('SIGSTOP');
      await until(() => !inRotation('b'), 'the hung server has left the rotation', 2_000);
    },
  },
  {
    name: 'rolling restart of all, drained',
    mayFail: 0,
    fault: async (all) => {
      for (const server of all) {
        await server.stop('drain');
        await server.start();
        await until(async () => (await server.calls()) > 20, 'it is used again');
      }
    },
  },
  {
    name: 'rolling restart of all, killed',
    mayFail: 3 * CONCURRENCY,
    fault: async (all) => {
      for (const server of all) {
        await server.stop('SIGKILL');
        await server.start();
        await until(async () => (await server.calls()) > 20, 'it is used again');
      }
    },
  },
  {
    name: 'one answers UNAVAILABLE',
    mayFail: CONCURRENCY,
    fault: async (all) => {
      all[C]!.set({ code: status.UNAVAILABLE });
      await until(() => !inRotation('c'), 'it has left the rotation', 2_000);
    },
  },
  {
    name: 'one answers NOT_FOUND',
    mayFail: 0,
    answers: [status.NOT_FOUND],
    fault: async (all) => {
      all[C]!.set({ code: status.NOT_FOUND });
      await sleep(500);
      expect(inRotation('c')).toBe(true);
    },
  },
  {
    name: 'deploy: taken out of discovery, then stopped',
    mayFail: 0,
    fault: async (all) => {
      echo.list(all.slice(B));
      await all[A]!.stop('drain');
    },
  },
];

const inRotation = (id: string): boolean =>
  echo.mesh.service('echo').rotation.some((endpoint) => endpoint.spec.id === id);

async function run({ name, fault, answers = [] }: Scenario, idempotent: boolean): Promise<ServiceError[]> {
  servers = await startServers(3, { delayMs: 5 });
  const serviceConfig = { methodConfig: [{ name: [{}], idempotent, unary: idempotent }] };
  const deadlineMs = idempotent ? IDEMPOTENT_DEADLINE_MS : DEADLINE_MS;
  echo = new EchoMesh(servers, { policy: 'least_request' }, { defaults: { serviceConfig } });
  const client = echo.connect('fairlead:///echo');
  const call = (): Promise<unknown> => client.unary({}, undefined, { deadline: Date.now() + deadlineMs });
  await call();
  await using load = new Load(call, CONCURRENCY);
  await until(
    async () => (await Promise.all(servers.map((each) => each.calls()))).every((calls) => calls > 50),
    'load flows',
  );
  await fault(servers);
  const at = load.ok;
  await until(() => load.ok > at + 500, 'calls go on');
  await sleep(DEADLINE_MS);
  await load.stop();
  const failed = load.errors.filter((error) => !answers.includes(error.code));
  const calls = load.ok + load.errors.length;
  report.push(
    `${name.padEnd(46)}${idempotent ? 'idempotent' : 'no repeats'}  ${String(failed.length).padStart(4)} of ${calls}`,
  );
  expect(echo.inflight).toBe(0);
  return failed;
}

const codes = (errors: readonly ServiceError[]): string =>
  [...new Set(errors.map((error) => error.message))].join(' | ');

describe('under load, with every call idempotent and unary', () => {
  it.each(scenarios)('$name fails no call', async (scenario) => {
    const failed = await run(scenario, true);
    expect(failed.length, codes(failed)).toBe(0);
  });
});

describe('under load, without repeats', () => {
  it.each(scenarios)('$name fails no more calls than were on the victim', async (scenario) => {
    const failed = await run(scenario, false);
    expect(failed.length, codes(failed)).toBeLessThanOrEqual(scenario.mayFail);
  });
});
