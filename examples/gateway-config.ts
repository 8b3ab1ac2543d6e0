/**
 * A gateway whose configuration is a file, examples/gateway.yaml: services, endpoints and routes.
 * While it runs, a copy of the file is edited: the routes change between two requests.
 *
 *     npx tsx --conditions=fairlead-source examples/gateway-config.ts
 */
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMesh } from 'fairlead';
import { createConfigStore, fileSource } from 'fairlead/config';
import { createGateway } from 'fairlead/gateway';

const servers = await Promise.all(
  ['users', 'users', 'orders'].map(async (name) => {
    const server = createServer(({ url }, response) => void response.end(`${name} ${url}`)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return server;
  }),
);
const [a, b, orders] = servers.map((server) => `127.0.0.1:${(server.address() as AddressInfo).port}`);
// The file names them by the environment.
Object.assign(process.env, { USERS_A: a, USERS_B: b, ORDERS: orders });
const folder = mkdtempSync(join(tmpdir(), 'gateway-'));
const file = join(folder, 'gateway.yaml');
copyFileSync(new URL('gateway.yaml', import.meta.url), file);

const mesh = createMesh();
const config = createConfigStore(mesh, { source: fileSource(), key: file });
await config.ready();
const gateway = createGateway(mesh, { routes: [] });
gateway.follow(config);
const url = `http://127.0.0.1:${await gateway.listen(0, '127.0.0.1')}`;

const ask = async (path: string): Promise<string> => {
  const response = await fetch(url + path, { redirect: 'manual' });
  return response.status === 200 ? await response.text() : String(response.status);
};
console.log(`users: ${await ask('/api/users/7')}`);
console.log(`orders: ${await ask('/api/orders/1')}`);
console.log(`old path: ${await ask('/users/7')}`);

writeFileSync(file, readFileSync(file, 'utf8').replace('/api/orders/{id}', '/api/v2/orders/{id}'));
while ((await ask('/api/v2/orders/1')) === '404') await new Promise((resolve) => setTimeout(resolve, 20));
console.log(`after the edit: ${await ask('/api/orders/1')}, ${await ask('/api/v2/orders/1')}`);

await gateway.close();
await config.close();
await mesh.close();
for (const server of servers) server.close().closeAllConnections();
rmSync(folder, { recursive: true });
