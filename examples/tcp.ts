/**
 * A TCP proxy over a service: three servers, one of which is closed half-way; no connection fails.
 * And the same without a proxy, by a balanced socket.
 *
 *     npx tsx --conditions=fairlead-source examples/tcp.ts
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { createMesh, staticResolver } from 'fairlead';
import { createConnection, createTcpProxy } from 'fairlead/tcp';

const servers = await Promise.all(
  ['a', 'b', 'c'].map(async (name) => {
    const server = createServer((socket) => void socket.end(name)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return server;
  }),
);
const endpoints = servers.map((server) => `127.0.0.1:${(server.address() as AddressInfo).port}`);

const mesh = createMesh({ resolver: staticResolver({ names: endpoints }), defaults: { policy: 'round_robin' } });
const proxy = createTcpProxy(mesh, { service: 'names' });
const { port } = await proxy.listen({ port: 0, host: '127.0.0.1' });

async function ask(open: () => Socket | Promise<Socket>): Promise<string> {
  const socket = await open();
  socket.end();
  return await text(socket);
}

const answers: Record<string, number> = {};
let failed = 0;
for (let i = 0; i < 300; i++) {
  if (i === 150) servers[0]!.close();
  try {
    // Every third by itself, the others through the proxy.
    const name = await ask(() =>
      i % 3 === 0 ? createConnection(mesh, { service: 'names' }) : connect(port, '127.0.0.1'),
    );
    answers[name] = (answers[name] ?? 0) + 1;
  } catch {
    failed++;
  }
}
console.log(`served by ${Object.keys(answers).sort().join(', ')}; ${failed} of 300 failed`);

await mesh.close();
for (const server of servers) server.close();
