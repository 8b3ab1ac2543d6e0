import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createMesh, type Endpoint } from 'fairlead';
import { type ConfigDocument, createConfigStore } from 'fairlead/config';

/**
 * A canary release (gray release): version 2 gets 20 % of the users, then all, while it is no worse
 * than version 1 at the same time. The first build of it is bad and loses its share by itself; the
 * next one earns it. The steps are short here: in earnest each lasts minutes.
 *
 *     npx tsx --conditions=fairlead-source examples/canary.ts
 */
const servers = await Promise.all([serve('1', 0), serve('1', 0), serve('2', 0.5), serve('2.1', 0)]);
const mesh = createMesh({ defaults: { health: [] } });
const config = createConfigStore(mesh);

const document = (version: string): ConfigDocument => ({
  resolver: { static: { users: servers.map(({ endpoint }) => endpoint) } },
  routing: {
    users: {
      split: { name: 'users', arms: { next: { share: 0, version } }, baseline: { version: '1' } },
      canary: {
        arm: 'next',
        lookEveryMs: 100,
        steps: [
          { share: 20, minMs: 500, minCalls: 50 },
          { share: 100, minMs: 300, minCalls: 50 },
        ],
      },
    },
  },
});

config.on('canary', ({ service, status }) => {
  console.log(`${service}: ${status.state}, ${status.share} %`);
  if (status.reason !== undefined) console.log(`because ${status.reason.replace(/\d[\d.e-]*/g, 'n')}`);
});
for (const version of ['2', '2.1']) {
  await config.apply(document(version), { author: 'kim' });
  mesh.service('users');
  console.log(`version ${version} begins with ${config.canary('users')?.status.share} %`);
  await serveUsersUntilDecided();
}
const { arms } = config.routing('users')!.status;
console.log(`share of version 2.1: ${arms.next?.share} %`);

await mesh.close();
await Promise.all(servers.map(({ stop }) => stop()));

async function serveUsersUntilDecided(): Promise<void> {
  const ask = async ({ spec }: Endpoint, signal: AbortSignal): Promise<void> => {
    const response = await fetch(`http://${spec.host}:${spec.port}/`, { signal });
    await response.text();
    if (!response.ok) throw Object.assign(new Error('it failed'), { status: response.status });
  };
  for (let user = 0; config.canary('users')?.status.state === 'running'; user++) {
    // A user keeps the version for as long as the shares stay.
    await mesh
      .service('users')
      .call(ask, { key: `user-${user % 5_000}` })
      .catch(() => {});
  }
}

async function serve(version: string, failing: number) {
  const server = createServer((_request, response) => {
    response.statusCode = Math.random() < failing ? 500 : 200;
    response.end(version);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const stop = (): Promise<void> => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(() => resolve()));
  };
  return { endpoint: { host: '127.0.0.1', port, meta: { version } }, stop };
}
