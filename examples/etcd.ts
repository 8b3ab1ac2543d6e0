import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createMesh } from 'fairlead';
import { etcdRegistrar, etcdResolver } from 'fairlead/etcd';

/**
 * Instances that register themselves in etcd, and a client that follows them: one says that it is
 * not well, and is left out; one leaves. It writes keys that begin with `fairlead-example/` and
 * deletes them again:
 *
 *     npx tsx --conditions=fairlead-source examples/etcd.ts 127.0.0.1:2379
 */
const [address] = process.argv.slice(2);
if (address === undefined) throw new Error('Give the address of an etcd server.');
const options = { address, prefix: 'fairlead-example/' };
const servers = await Promise.all(['a', 'b', 'c'].map((name) => serve(name)));

const registrar = etcdRegistrar(options);
const [a, b] = await Promise.all(
  servers.map(({ name, port }) => registrar.register({ service: 'users', id: name, host: '127.0.0.1', port })),
);

const mesh = createMesh({ resolver: etcdResolver(options) });
const users = mesh.service('users', { policy: 'round_robin' });
await listed('a, b, c');
console.log(`served by ${await servedBy()}`);

await b!.report('critical', 'its disk is full');
await listed('a, c');
console.log(`one is not well: served by ${await servedBy()}`);

await a!.deregister();
await listed('c');
console.log(`one left: served by ${await servedBy()}`);

await mesh.close();
await registrar.close();
await Promise.all(servers.map(({ stop }) => stop()));

async function listed(ids: string): Promise<void> {
  const now = (): string => users.usedEndpoints.map(({ spec }) => spec.id).join(', ');
  await new Promise<void>((resolve) => {
    const stop = users.on('rotation', look);
    look();
    function look(): void {
      if (now() !== ids) return;
      queueMicrotask(() => stop());
      resolve();
    }
  });
}

async function servedBy(): Promise<string> {
  const names = new Set<string>();
  for (let i = 0; i < 12; i++) {
    names.add(await users.call(({ spec }) => fetch(`http://${spec.host}:${spec.port}/`).then((each) => each.text())));
  }
  return [...names].sort().join(', ');
}

async function serve(name: string): Promise<{ name: string; port: number; stop(): Promise<void> }> {
  const server = createServer((_request, response) => response.end(name));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = (): Promise<void> => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(() => resolve()));
  };
  return { name, port: (server.address() as AddressInfo).port, stop };
}
