import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { until } from '../harness/until.js';
import { inflight, meshOf, proxyOf } from './support.js';

const CONCURRENCY = 50;

interface Server {
  readonly child: ChildProcess;
  readonly port: number;
}

const running: ChildProcess[] = [];
async function start(port = 0): Promise<Server> {
  const child = fork(join(import.meta.dirname, 'server.mjs'), [String(port)], { execArgv: [] });
  running.push(child);
  const [message] = (await once(child, 'message')) as [{ port: number }];
  return { child, port: message.port };
}

afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
});

interface Tally {
  done: number;
  /** Ended by a reset, before or after bytes came. */
  reset: number;
  /** Ended cleanly, and not with what they asked for. */
  wrong: number;
}

/** One connection: asks, and wants the same bytes back and a clean end. */
async function exchange(port: number, tally: Tally): Promise<void> {
  const question = Buffer.alloc(20_000, String(tally.done));
  const socket: Socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const chunks: Buffer[] = [];
  let ended = false;
  socket
    .on('data', (chunk) => void chunks.push(chunk))
    .on('end', () => {
      ended = true;
    });
  socket.on('error', () => {});
  socket.end(question);
  // Not by `once`, which an error would reject.
  await new Promise((resolve) => void socket.on('close', resolve));
  if (!ended) tally.reset++;
  else if (Buffer.concat(chunks).equals(question)) tally.done++;
  else tally.wrong++;
}

/** Connections, so many at a time, until it is told to stop. */
function load(port: number): { readonly tally: Tally; stop(): Promise<Tally> } {
  const tally: Tally = { done: 0, reset: 0, wrong: 0 };
  let going = true;
  const loop = async (): Promise<void> => {
    while (going) await exchange(port, tally);
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

async function during(fault: (victim: Server, port: number) => Promise<void>): Promise<Tally> {
  const servers = await Promise.all([start(), start(), start()]);
  await using mesh = meshOf(servers.map(({ port }) => port));
  await using proxy = await proxyOf(mesh);
  const { tally, stop } = load(proxy.port);
  const more = (count: number): Promise<unknown> => {
    const wanted = tally.done + count;
    return until(`${count} more exchanges`, () => tally.done >= wanted);
  };
  await more(200);
  await fault(servers[0]!, proxy.port);
  await more(200);
  const result = await stop();
  expect(proxy.proxy.connections).toBe(0);
  await until('no lease is left', () => inflight(mesh) === 0);
  return result;
}

describe('connections through a TCP proxy under load', () => {
  it('fail only where they are on a server that is killed; none does while it is gone', async () => {
    const { reset, wrong } = await during(async ({ child, port }) => {
      child.kill('SIGKILL');
      await once(child, 'exit');
      await pause(500);
      await start(port);
    });
    // The kernel of a killed server ends what has nothing unread cleanly: that is passed on, too.
    expect(reset + wrong).toBeLessThanOrEqual(CONCURRENCY);
  });

  it('wait for a server that is stopped, and go on with it', async () => {
    const { reset, wrong } = await during(async ({ child }) => {
      child.kill('SIGSTOP');
      await pause(1_000);
      child.kill('SIGCONT');
    });
    expect([reset, wrong]).toEqual([0, 0]);
  });

  it('fail not at all when a server stops listening and finishes its connections', async () => {
    const { reset, wrong } = await during(async ({ child }) => {
      child.send('refuse');
      await once(child, 'message');
      await pause(300);
    });
    expect([reset, wrong]).toEqual([0, 0]);
  });

  it('fail by a reset where the server resets, and it is taken out', async () => {
    const { reset, wrong } = await during(async ({ child }) => {
      child.send('reset');
      await once(child, 'message');
      await pause(300);
    });
    expect(wrong).toBe(0);
    expect(reset).toBeGreaterThan(0);
    // As many as it takes to be sure, and those that were on their way.
    expect(reset).toBeLessThanOrEqual(CONCURRENCY + 5);
  });

  it('are finished when the proxy is drained', async () => {
    const servers = await Promise.all([start(), start(), start()]);
    await using mesh = meshOf(servers.map(({ port }) => port));
    const { proxy, port } = await proxyOf(mesh);
    const tally: Tally = { done: 0, reset: 0, wrong: 0 };
    const all = Promise.all(Array.from({ length: CONCURRENCY }, () => exchange(port, tally)));
    await until('all are there', () => proxy.connections + tally.done === CONCURRENCY);
    await proxy.close({ deadlineMs: 20_000 });
    await all;
    expect(tally).toEqual({ done: CONCURRENCY, reset: 0, wrong: 0 });
  });
});
