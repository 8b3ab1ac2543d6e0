/**
 * fetch over a service: three servers, one of which is closed half-way; no request fails.
 *
 *     npx tsx --conditions=fairlead-source examples/fetch.ts
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createMesh, staticResolver } from 'fairlead';
import { createDispatcher } from 'fairlead/http';
import { fetch } from 'undici';

const servers = await Promise.all(
  ['a', 'b', 'c'].map(async (name) => {
    const server = createServer((_, response) => void response.end(name)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return server;
  }),
);
const endpoints = servers.map((server) => `127.0.0.1:${(server.address() as AddressInfo).port}`);

const mesh = createMesh({ resolver: staticResolver({ users: endpoints }) });
const dispatcher = createDispatcher(mesh);

const answers: Record<string, number> = {};
let failed = 0;
for (let i = 0; i < 300; i++) {
  if (i === 150) servers[0]!.close().closeAllConnections();
  try {
    const response = await fetch(`http://users/v1/${i}`, { dispatcher });
    const name = await response.text();
    answers[name] = (answers[name] ?? 0) + 1;
  } catch {
    failed++;
  }
}
console.log(`served by ${Object.keys(answers).sort().join(', ')}; ${failed} of 300 failed`);

await dispatcher.close();
await mesh.close();
for (const server of servers) server.close();
