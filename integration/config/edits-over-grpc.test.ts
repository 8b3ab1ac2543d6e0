import { createMesh, type ServiceOptions } from 'fairlead';
import { type ConfigDocument, createConfigStore } from 'fairlead/config';
import { registerGrpc } from 'fairlead/grpc';
import { seededRandom } from 'fairlead/testing';
import { afterEach, it } from 'vitest';
import { EchoClient, startServers, type TestServer, until } from '../grpc/support.js';
import { editUnderLoad } from './edit-under-load.js';
import { oneOf, servable } from './servable.js';

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
    await editUnderLoad({
      service,
      stays: service.endpoints.find(({ spec }) => spec.id === endpoints[0]!.id)!,
      call: async () => void (await client.unary({}, undefined, { deadline: Number.POSITIVE_INFINITY })),
      edit: () => config.apply(document()),
      waitUntil: async (enough) => void (await until(enough, 'calls go on', 120_000)),
      maxGrowth: 8_000_000,
    });
  } finally {
    client.close();
    registration.close();
    await mesh.close({ deadlineMs: 500 });
  }
});
