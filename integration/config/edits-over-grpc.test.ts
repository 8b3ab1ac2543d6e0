import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createMesh, type ServiceOptions } from 'fairlead';
import { type ConfigDocument, createConfigStore } from 'fairlead/config';
import { registerGrpc } from 'fairlead/grpc';
import { seededRandom } from 'fairlead/testing';
import { afterEach, expect, it } from 'vitest';
import { EchoClient, startServers, type TestServer, until } from '../grpc/support.js';
import { oneOf, servable } from './servable.js';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

const EDITS = 1_000;
const CALLERS = 4;

/** A process that is kept from running for half a minute fails no call here. */
const untimed = ({ resilience, ...options }: ServiceOptions): ServiceOptions => {
  const { deadlineMs: _, ...rest } = resilience ?? {};
  return { ...options, resilience: rest };
};

let servers: TestServer[] = [];
afterEach(() => Promise.all(servers.map((server) => server.stop())));

it('1,000 edits under load that keep every gRPC call servable fail none, keep counters going up, and keep no memory', {
  timeout: 300_000,
}, async () => {
  servers = await startServers(3);
  const random = seededRandom(11);
  const endpoints = servers.map((server, i) => ({ ...server.endpoint, meta: { version: i === 2 ? '2' : '1' } }));
  const document = (): ConfigDocument => ({
    // The first one is listed by every edit.
    resolver: { static: { echo: endpoints.slice(0, 1 + random.below(3)) } },
    services: { echo: untimed(servable(random)) },
    ...(random.below(4) > 0 && {
      routing: {
        echo: {
          split: { name: oneOf(random, 'a', 'b'), arms: { next: { share: random.below(101), version: '2' } } },
          lanes: random.below(2) === 0,
        },
      },
    }),
  });
  const mesh = createMesh({ random: seededRandom(3) });
  const config = createConfigStore(mesh, { compare: false });
  const registration = registerGrpc(mesh);
  const client = new EchoClient('fairlead:///echo');
  try {
    await config.apply(document());
    const service = mesh.service('echo');
    let calls = 0;
    let done = false;
    const failed: unknown[] = [];
    const caller = async (): Promise<void> => {
      while (!done && failed.length === 0) {
        await client
          .unary({}, undefined, { deadline: Number.POSITIVE_INFINITY })
          .catch((error: unknown) => failed.push(error));
        calls++;
      }
    };
    const callers = Array.from({ length: CALLERS }, caller);
    const stays = service.endpoints.find(({ spec }) => spec.id === endpoints[0]!.id)!;
    let counted = 0;
    let stats = Object.values(service.callStats);
    const heaps: number[] = [];
    for (let edit = 0; edit < EDITS; edit++) {
      const before = calls;
      await config.apply(document());
      await until(() => calls >= before + 2 || failed.length > 0, 'calls go on', 120_000);
      expect(failed).toEqual([]);
      expect(service.endpoints).toContain(stays);
      expect(stays.calls).toBeGreaterThanOrEqual(counted);
      counted = stays.calls;
      const now = Object.values(service.callStats);
      expect(now.every((value, i) => value >= stats[i]!)).toBe(true);
      stats = now;
      if (edit % 100 === 99) {
        gc();
        heaps.push(process.memoryUsage().heapUsed);
      }
    }
    done = true;
    await Promise.all(callers);
    expect(failed).toEqual([]);
    expect(calls).toBeGreaterThan(2 * EDITS);
    expect(heaps.at(-1)! - heaps[2]!).toBeLessThan(8_000_000);
  } finally {
    client.close();
    registration.close();
    await mesh.close({ deadlineMs: 500 });
  }
});
