import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '@connectrpc/connect';
import { type Clock, createMesh, type HealthSignal, Outcome, staticResolver, systemClock } from 'fairlead';
import { createFairleadTransport } from 'fairlead/connect';
import { expect, it } from 'vitest';
import { Echo, startEchoServers } from './support.js';

/** Fairlead's own deadlines are late, as in a process that has much to do: connect-node's come first. */
const lateClock: Clock = {
  now: () => systemClock.now(),
  wallMs: () => systemClock.wallMs(),
  after: (delayMs, fire) => systemClock.after(delayMs + 1_000, fire),
  awaited: (delayMs, fire) => systemClock.awaited(delayMs + 1_000, fire),
};

const TIMEOUT_MS = 400;

it.each(['grpc', 'connect'] as const)(
  'a stream that is read slowly ends by its deadline: over %s',
  async (protocol) => {
    const [server] = await startEchoServers('a');
    const outcomes: Outcome[] = [];
    const record = (_: unknown, outcome: Outcome): number => outcomes.push(outcome) && 0;
    const seen: HealthSignal = {
      name: 'seen',
      create: () => ({ record, probed: () => 0, confirmed: () => {}, forget: () => {} }),
    };
    const resolver = staticResolver({ echo: [server!.endpoint] });
    const mesh = createMesh({ clock: lateClock, resolver, services: { echo: { health: [seen] } } });
    const client = createClient(Echo, createFairleadTransport(mesh, { service: 'echo', protocol }));
    const read = async (): Promise<void> => {
      for await (const _ of client.count({ value: '1000000' }, { timeoutMs: TIMEOUT_MS }))
        await sleep(TIMEOUT_MS + 100);
    };
    const ended = await Promise.allSettled([read(), read(), read()]);
    expect(ended.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    // Not as connections that were lost: those count, however short the deadline was.
    expect(outcomes).toEqual([Outcome.Timeout, Outcome.Timeout, Outcome.Timeout]);
    await mesh.close({ deadlineMs: 100 });
    await server!.kill();
  },
);
