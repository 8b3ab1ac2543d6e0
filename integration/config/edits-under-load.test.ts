import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { createMesh, type FairleadError, type ServiceOptions } from 'fairlead';
import { createConfigStore } from 'fairlead/config';
import { createDispatcher } from 'fairlead/http';
import { seededRandom } from 'fairlead/testing';
import { request } from 'undici';
import { describe, expect, it } from 'vitest';
import { editUnderLoad } from './edit-under-load.js';
import { oneOf, servable } from './servable.js';

async function servers(count: number): Promise<Server[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer((_, response) => void response.end('ok'));
      await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
      return server;
    }),
  );
}

const random = seededRandom(7);

describe('1,000 edits of a document under load', () => {
  it('that keep every call servable fail none, keep counters going up, and keep no memory', {
    timeout: 300_000,
  }, async () => {
    const backends = await servers(3);
    const addresses = backends.map((server) => `127.0.0.1:${(server.address() as AddressInfo).port}`);
    await using mesh = createMesh({ random: seededRandom(3) });
    await using config = createConfigStore(mesh, { compare: false });
    const document = (users: ServiceOptions, count = 3) => ({
      resolver: { static: { users: addresses.slice(0, count) } },
      services: { users },
    });
    await config.apply(document({}));
    const dispatcher = createDispatcher(mesh);
    const service = mesh.service('users');
    await editUnderLoad({
      service,
      // Endpoints stand in the order of their ids.
      stays: service.endpoints.find(({ spec }) => addresses[0] === `127.0.0.1:${spec.port}`)!,
      call: async () => {
        const { statusCode, body } = await request('http://users/', { dispatcher });
        await body.dump();
        if (statusCode !== 200) throw new Error(`status ${statusCode}`);
      },
      edit: () => config.apply(document(servable(random), 1 + random.below(3))),
      waitUntil: async (enough) => {
        while (!enough()) await turn();
      },
      maxGrowth: 6_000_000,
    });
    await dispatcher.close();
    for (const server of backends) server.close();
  });

  it('that do not are refused, or refuse calls, exactly as predicted', { timeout: 120_000 }, async () => {
    const backends = await servers(1);
    const address = `127.0.0.1:${(backends[0]!.address() as AddressInfo).port}`;
    await using mesh = createMesh();
    await using config = createConfigStore(mesh, { compare: false });
    const resolver = { static: { users: [address] } };
    await config.apply({ resolver, services: { users: {} } });
    const service = mesh.service('users');
    const call = (): Promise<string> =>
      service
        .call(async ({ spec }) => (await request(`http://${spec.host}:${spec.port}/`)).body.text())
        .catch((error: unknown) => (error as FairleadError).code);
    const edits: [make: () => object, refused: RegExp | undefined, calls: string][] = [
      [() => ({ resolver, services: {} }), undefined, 'FAIRLEAD_CLOSED'],
      [
        () => ({ resolver, services: { users: { resilience: { deadlineMs: 0 } } } }),
        undefined,
        'FAIRLEAD_DEADLINE_EXCEEDED',
      ],
      [
        () => ({ resolver, services: { users: { resilience: { limits: { maxInflight: 0 } } } } }),
        /maxInflight is 0/,
        'as before',
      ],
      [() => ({ resolver: { static: { users: [] } }, services: { users: {} } }), /lists no endpoint/, 'as before'],
      [() => ({ resolver, services: { users: { policy: 'prequal' } } }), /probes/, 'as before'],
      [() => ({ resolver, services: { users: { waitForReadyMs: random.below(100) } } }), undefined, 'ok'],
    ];
    let expected = 'ok';
    for (let i = 0; i < 200; i++) {
      const [make, refused, calls] = oneOf(random, ...edits);
      const before = config.current!.number;
      const outcome = await config.apply(make() as never).then(
        () => undefined,
        (error: Error) => error.message,
      );
      if (refused === undefined) {
        expect(outcome).toBeUndefined();
        expected = calls;
      } else {
        expect(outcome).toMatch(refused);
        expect(config.current!.number).toBe(before);
      }
      expect(await call()).toBe(expected);
    }
    for (const server of backends) server.closeAllConnections();
    for (const server of backends) server.close();
  });
});
