// A consumer for each door of the installed package: beside it stands the driver of that door and
// no other, and it is imported, required, and compiled by TypeScript as ESM and as CommonJS, with
// declarations checked too (skipLibCheck: false).
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Which peers a door needs. Those that are not named need none. */
const DRIVERS = [
  { peers: ['@grpc/grpc-js'], doors: ['./grpc', './etcd'] },
  { peers: ['@connectrpc/connect', '@connectrpc/connect-node', '@bufbuild/protobuf'], doors: ['./connect'] },
  { peers: ['undici'], doors: ['./http', './gateway'] },
  { peers: ['mysql2'], doors: ['./mysql', './mysql/promise'] },
  { peers: ['ioredis'], doors: ['./redis'] },
  { peers: ['@opentelemetry/api'], doors: ['./otel'] },
];

const COMPILER = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2023', '--types', 'node'];

/** The names by which one consumer each knows its doors, and the peers beside them. */
function consumers(manifest) {
  const subpaths = Object.keys(manifest.exports).filter((path) => !path.endsWith('.json'));
  const named = DRIVERS.flatMap(({ doors }) => doors);
  const without = { peers: [], doors: subpaths.filter((path) => !named.includes(path)) };
  return [without, ...DRIVERS].map(({ peers, doors }) => ({
    peers,
    names: doors.map((path) => join(manifest.name, path)),
  }));
}

/** Puts a package of `root` into `folder`, and returns where. */
function link(root, folder, name) {
  const target = join(folder, 'node_modules', name);
  mkdirSync(dirname(target), { recursive: true });
  symlinkSync(join(root, 'node_modules', name), target);
  return target;
}

/** `folder` has the package installed and none of its peers; `run` runs a program there. */
export function checkDoors(manifest, root, folder, run) {
  link(root, folder, '@types/node');
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  for (const { peers, names } of consumers(manifest)) {
    const links = peers.map((peer) => link(root, folder, peer));
    const files = names.flatMap((name, i) => {
      const load = (how) => `if (Object.keys(${how}).length === 0) throw new Error('${name} exports nothing')`;
      run('node', '--input-type=module', '-e', load(`await import('${name}')`));
      run('node', '--input-type=commonjs', '-e', load(`require('${name}')`));
      writeFileSync(join(folder, `door${i}.mts`), `import * as door from '${name}';\nexport { door };\n`);
      writeFileSync(join(folder, `door${i}.cts`), `import door = require('${name}');\nexport { door };\n`);
      return [`door${i}.mts`, `door${i}.cts`];
    });
    run('node', compiler, ...COMPILER, ...files);
    for (const file of [...files.map((file) => join(folder, file)), ...links]) rmSync(file);
    const beside = peers.length === 0 ? 'without any peer' : `beside ${peers.join(', ')} alone`;
    console.log(`${names.join(', ')}: import, require and TypeScript work ${beside}`);
  }
}
