/**
 * A gateway over two services: routes by path, a rewrite, a limit, a redirect; then other routes
 * while it runs, and one of the servers going.
 *
 *     npx tsx --conditions=fairlead-source examples/gateway.ts
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createMesh, type Route, staticResolver } from 'fairlead';
import { createGateway } from 'fairlead/gateway';

const servers = await Promise.all(
  ['users-a', 'users-b', 'orders'].map(async (name) => {
    const server = createServer(({ url }, response) => void response.end(`${name} ${url}`)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return server;
  }),
);
const [a, b, orders] = servers.map((server) => `127.0.0.1:${(server.address() as AddressInfo).port}`);

const mesh = createMesh({ resolver: staticResolver({ users: [a!, b!], orders: [orders!] }) });
const routes: readonly Route[] = [
  { name: 'users', match: { path: '/api/users/*' }, service: 'users', rewrite: { path: '/users' } },
  { name: 'orders', match: { path: '/api/orders/{id}' }, service: 'orders', rateLimit: { requests: 2 } },
  { name: 'old', match: { path: '/users/*' }, redirect: { status: 308, path: '/api/users' } },
];
const gateway = createGateway(mesh, { routes });
const url = `http://127.0.0.1:${await gateway.listen(0, '127.0.0.1')}`;

const ask = async (path: string): Promise<string> => {
  const response = await fetch(url + path, { redirect: 'manual' });
  const { status } = response;
  return status === 200
    ? await response.text()
    : `${status} ${response.headers.get('location')?.slice(url.length) ?? ''}`;
};

console.log(`rewritten: ${(await ask('/api/users/7')).replace(/-[ab]/, '')}`);
console.log(`redirected: ${await ask('/users/7')}`);
console.log(
  `limited: ${[await ask('/api/orders/1'), await ask('/api/orders/2'), await ask('/api/orders/3')].join(', ')}`,
);
console.log(`unknown: ${await ask('/else')}`);

gateway.setRoutes([
  ...routes,
  { name: 'else', match: { path: '/else' }, response: { status: 200, body: 'now it is' } },
]);
console.log(`after setRoutes: ${await ask('/else')}`);

servers[0]!.close().closeAllConnections();
let failed = 0;
for (let i = 0; i < 100; i++) if (!(await ask(`/api/users/${i}`)).startsWith('users-')) failed++;
console.log(`one of two servers gone: ${failed} of 100 failed`);

await gateway.close();
await mesh.close();
for (const server of servers) server.close();
