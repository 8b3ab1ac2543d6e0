// Installs the packed package into an empty folder, as a stranger would, and loads it: by import
// and by require, without any peer; bundled; then each door beside the driver that it is for.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkDoors } from './package-doors.mjs';

const root = join(import.meta.dirname, '..');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const folder = mkdtempSync(join(tmpdir(), 'fairlead-package-'));
const run = (program, ...args) =>
  execFileSync(program, args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
const peers = Object.keys(manifest.peerDependencies ?? {});

try {
  const [{ filename, files }] = JSON.parse(
    execFileSync('npm', ['pack', '--json', '--pack-destination', folder], { cwd: root, encoding: 'utf8' }),
  );
  const stray = files
    .map(({ path }) => path)
    .filter((path) => /\.test\.|(^|\/)(test|integration|bench|node_modules|\.services)\//.test(path));
  if (stray.length > 0) throw new Error(`the package carries ${stray.join(', ')}`);
  writeFileSync(join(folder, 'package.json'), '{"private":true,"type":"module"}');
  run(
    'npm',
    'install',
    '--omit=peer',
    '--prefer-offline',
    '--no-audit',
    '--no-fund',
    '--ignore-scripts',
    `./${filename}`,
  );
  for (const peer of peers) {
    if (existsSync(join(folder, 'node_modules', peer)))
      throw new Error(`the peer ${peer} came along although nobody asked for it`);
  }

  const help = run('npx', '--no-install', 'fairlead', '--help');
  if (!help.includes('fairlead <command>')) throw new Error(`npx fairlead --help says: ${help}`);
  console.log('npx fairlead: runs without any peer');

  // Programs that a bundler made have no node_modules: what they need must be in them.
  const program = `
    import { createMesh, staticResolver } from 'fairlead';
    const mesh = createMesh({ resolver: staticResolver({ users: ['127.0.0.1:1', '127.0.0.1:2'] }) });
    const users = mesh.service('users', { affinity: true, policy: 'consistent_hash' });
    await users.ready();
    const ids = Array.from({ length: 3 }, () => users.acquire({ key: 'a' }).endpoint.spec.id);
    if (new Set(ids).size !== 1) throw new Error('not sticky');
    await mesh.close({ deadlineMs: 0 });
  `;
  writeFileSync(join(folder, 'program.mjs'), program);
  const bundled = mkdtempSync(join(tmpdir(), 'fairlead-bundled-'));
  try {
    const { rolldown } = await import('rolldown');
    const bundle = await rolldown({
      input: join(folder, 'program.mjs'),
      platform: 'node',
      cwd: folder,
      logLevel: 'silent',
    });
    await bundle.write({ dir: bundled, format: 'esm', entryFileNames: 'program.mjs' });
    run('node', join(bundled, 'program.mjs'));
    console.log('fairlead: runs bundled, without node_modules');
  } finally {
    rmSync(bundled, { recursive: true, force: true });
  }

  checkDoors(manifest, root, folder, run);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
