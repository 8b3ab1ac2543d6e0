import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMesh } from 'fairlead';
import { fileResolver } from 'fairlead/sources';

/**
 * Endpoints from a file that is watched: what is edited is called, without a restart. A file that
 * cannot be read changes nothing, and says so.
 *
 *     npx tsx --conditions=fairlead-source examples/file.ts
 */
const servers = await Promise.all(['a', 'b', 'c'].map((name) => serve(name)));
const [a, b, c] = servers.map(({ address }) => address);
const folder = await mkdtemp(join(tmpdir(), 'fairlead-'));
const path = join(folder, 'services.yaml');
await replace(`users: ['${a}', '${b}']`);

const mesh = createMesh({ resolver: fileResolver({ path, pollMs: 200 }) });
const users = mesh.service('users', { policy: 'round_robin' });
await users.ready();
console.log(`served by ${await servedBy()}`);

const changed = new Promise((resolve) => users.on('endpoints', resolve));
await replace(`users: ['${b}', { host: 127.0.0.1, port: ${c!.split(':')[1]}, weight: 2 }]`);
await changed;
console.log(`after the edit by ${await servedBy()}`);

const refused = new Promise<Error>((resolve) => users.on('error', resolve));
await replace(`users: ['${a}', 'nonsense']`);
console.log(`refused: ${(await refused).message.replace(path, 'services.yaml')}`);
console.log(`still served by ${await servedBy()}`);

await mesh.close();
await rm(folder, { recursive: true });
await Promise.all(servers.map(({ stop }) => stop()));

/** As a careful editor does: nobody ever sees half of it. */
async function replace(text: string): Promise<void> {
  await writeFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
}

async function servedBy(): Promise<string> {
  const names = new Set<string>();
  for (let i = 0; i < 12; i++) {
    names.add(await users.call(({ spec }) => fetch(`http://${spec.host}:${spec.port}/`).then((each) => each.text())));
  }
  return [...names].sort().join(', ');
}

async function serve(name: string): Promise<{ address: string; stop(): Promise<void> }> {
  const server = createServer((_request, response) => response.end(name));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = (): Promise<void> => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(() => resolve()));
  };
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, stop };
}
