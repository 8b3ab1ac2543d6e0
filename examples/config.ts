import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMesh } from 'fairlead';
import { createConfigStore, fileSource } from 'fairlead/config';

/**
 * A mesh that a file describes, and that changes when the file does (a hot update), without a call
 * that fails: a mistake is refused with its place, and a rollback is one call.
 *
 *     npx tsx --conditions=fairlead-source examples/config.ts
 */
const servers = await Promise.all(['a', 'b', 'c'].map((name) => serve(name)));
const folder = await mkdtemp(join(tmpdir(), 'fairlead-'));
const file = join(folder, 'mesh.yaml');

const document = (more: string): string => `
resolver:
  static:
    users: [${servers.map(({ address }) => `'${address}'`).join(', ')}]
services:
  users:
    ${more}
`;

const mesh = createMesh();
await writeFile(file, document('policy: round_robin'));
const config = createConfigStore(mesh, { source: fileSource({ pollMs: 200 }), key: file });
config.on('applied', ({ number, changes }) => {
  console.log(`version ${number}: ${changes.map(({ path, effect }) => `${path} (${effect})`).join(', ')}`);
});
config.on('refused', ({ error }) => console.log(`refused ${error.message.replace(`${file}:`, '')}`));
await config.ready();

let calls = 0;
let failed = 0;
let done = false;
const load = (async () => {
  while (!done) {
    await mesh
      .service('users')
      .call(({ spec }, signal) => fetch(`http://${spec.host}:${spec.port}/`, { signal }).then((each) => each.text()))
      .catch(() => failed++);
    calls++;
  }
})();

await writeFile(file, document('policy: { peak_ewma: { decayMs: 5000 } }'));
await changed('applied');
await writeFile(file, document('polcy: random'));
await changed('refused');
await config.rollback(1, { author: 'kim' });
console.log(`in force: version ${config.current?.number}, ${config.current?.source}`);
console.log(`differs from version 2 by ${config.diff(2, 3).map(({ path }) => path)}`);

done = true;
await load;
console.log(`calls failed: ${failed} of ${calls > 0 ? 'many' : 'none'}`);
await mesh.close();
await rm(folder, { recursive: true });
await Promise.all(servers.map(({ stop }) => stop()));

function changed(event: 'applied' | 'refused'): Promise<void> {
  return new Promise((resolve) => {
    const stop = config.on(event, () => {
      stop();
      resolve();
    });
  });
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
