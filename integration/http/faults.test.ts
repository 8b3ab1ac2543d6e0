import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createDispatcher } from 'fairlead/http';
import { request } from 'undici';
import { afterEach, describe, expect, it } from 'vitest';
import { inflight, meshOf } from './support.js';

const CONCURRENCY = 100;
const VICTIM = 0;

interface Server {
  readonly child: ChildProcess;
  readonly port: number;
}

const running: ChildProcess[] = [];
async function start(id: string, port = 0): Promise<Server> {
  const child = fork(join(import.meta.dirname, 'server.mjs'), [id, String(port)], { execArgv: [] });
  running.push(child);
  const [message] = (await once(child, 'message')) as [{ port: number }];
  return { child, port: message.port };
}
/** What it has been sent; a server that was killed took that with it. */
async function bodiesOf({ child }: Server): Promise<string[]> {
  child.send('bodies');
  return ((await once(child, 'message')) as [{ bodies: string[] }])[0].bodies;
}

afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
});

interface Tally {
  done: number;
  readonly failed: string[];
}

/** 100 at a time until it is told to stop; each request has a body of its own. */
function load(send: (id: string) => Promise<unknown>): { readonly tally: Tally; stop(): Promise<Tally> } {
  const tally: Tally = { done: 0, failed: [] };
  let going = true;
  let next = 0;
  const loop = async (): Promise<void> => {
    while (going) {
      const id = `r${next++}`;
      try {
        await send(id);
        tally.done++;
      } catch {
        tally.failed.push(id);
      }
    }
  };
  const loops = Promise.all(Array.from({ length: CONCURRENCY }, loop));
  return {
    tally,
    stop: async () => {
      going = false;
      await loops;
      return tally;
    },
  };
}

const FAULTS: Readonly<Record<string, (victim: Server) => Promise<void>>> = {
  'killed and restarted': async ({ child, port }) => {
    child.kill('SIGKILL');
    await once(child, 'exit');
    await pause(500);
    await start('victim again', port);
  },
  'stopped for two seconds': async ({ child }) => {
    child.kill('SIGSTOP');
    await pause(2_000);
    child.kill('SIGCONT');
  },
};

describe.each(Object.entries(FAULTS))('while one of three servers is %s', (_, fault) => {
  it.each(['GET', 'PUT'] as const)('no %s fails', async (method) => {
    const servers = await Promise.all(['a', 'b', 'c'].map((id) => start(id)));
    await using mesh = meshOf(
      servers.map(({ port }) => port),
      { resilience: { deadlineMs: 5_000, hedge: { afterMs: 200 } } },
    );
    const dispatcher = createDispatcher(mesh);
    const { tally, stop } = load(async (id) => {
      const { body } = await request('http://users/', { dispatcher, method, ...(method === 'PUT' && { body: id }) });
      await body.dump();
    });
    while (tally.done < 500) await pause(10);
    await fault(servers[VICTIM]!);
    const before = tally.done;
    while (tally.done < before + 500) await pause(10);
    expect((await stop()).failed).toEqual([]);
    expect(inflight(mesh)).toBe(0);
    await dispatcher.destroy();
  });

  it('a POST is delivered at most once, and fails only where it was on its way to the victim', async () => {
    const servers = await Promise.all(['a', 'b', 'c'].map((id) => start(id)));
    await using mesh = meshOf(
      servers.map(({ port }) => port),
      { resilience: { deadlineMs: 5_000 } },
    );
    const dispatcher = createDispatcher(mesh);
    const { tally, stop } = load(async (id) => {
      const { body } = await request('http://users/', { dispatcher, method: 'POST', body: id });
      await body.dump();
    });
    while (tally.done < 500) await pause(10);
    await fault(servers[VICTIM]!);
    const before = tally.done;
    while (tally.done < before + 500) await pause(10);
    const { failed } = await stop();
    // Never more than were on their way to one of three servers that share what there is.
    expect(failed.length).toBeLessThanOrEqual(CONCURRENCY);
    const delivered = (
      await Promise.all(
        servers.filter(({ child }) => child.exitCode === null && child.signalCode === null).map(bodiesOf),
      )
    ).flat();
    expect(new Set(delivered).size).toBe(delivered.length);
    expect(inflight(mesh)).toBe(0);
    await dispatcher.destroy();
  });
});
