import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createMesh, staticResolver } from 'fairlead';

/**
 * The shortest program without a registry: three servers, written down, called with `fetch`. One of
 * them stops on the way; nobody has to be told, and no call fails: as they may be made twice, they
 * are repeated on another server.
 *
 *     npx tsx --conditions=fairlead-source examples/static.ts
 */
const servers = await Promise.all(['a', 'b', 'c'].map((name) => serve(name)));
const mesh = createMesh({ resolver: staticResolver({ users: servers.map(({ address }) => address) }) });
const users = mesh.service('users', { policy: 'least_request', resilience: { idempotent: true } });
users.on('ejected', ({ endpoint }) => console.log(`ejected ${endpoint.spec.id}`));

const answers = { a: 0, b: 0, c: 0 };
let failed = 0;
for (let i = 0; i < 300; i++) {
  if (i === 100) await servers[1]!.stop();
  try {
    const name = await users.call(async ({ spec }, signal) => {
      const response = await fetch(`http://${spec.host}:${spec.port}/`, { signal });
      return (await response.text()) as keyof typeof answers;
    });
    answers[name]++;
  } catch {
    failed++;
  }
}
console.log(`answers: ${JSON.stringify(answers)}, failed: ${failed} of 300`);

await mesh.close();
await Promise.all(servers.map(({ stop }) => stop()));

async function serve(name: string): Promise<{ address: string; stop(): Promise<void> }> {
  const server = createServer((_request, response) => response.end(name));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = (): Promise<void> => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(() => resolve()));
  };
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, stop };
}
