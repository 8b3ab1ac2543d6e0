import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMesh } from 'fairlead';
import { consulResolver } from 'fairlead/consul';
import { withSnapshot } from 'fairlead/sources';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Consul, startConsul, until } from '../harness/index.js';

async function folderOf(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'fairlead-snapshot-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return join(folder, 'lists');
}

/** A process of its own, as far as discovery can tell. */
function start(consul: Consul, folder: string, maxAgeMs = 3_600_000) {
  const inner = consulResolver({ address: consul.url, token: 'a-secret-token', env: {}, graceMs: 300 });
  const mesh = createMesh({ resolver: withSnapshot(inner, { folder, maxAgeMs, patienceMs: 500 }) });
  onTestFinished(() => mesh.close());
  const service = mesh.service('users');
  const errors: string[] = [];
  service.on('error', ({ message }) => errors.push(message));
  const ids = (): string => service.endpoints.map(({ spec }) => spec.id).join();
  return { mesh, service, errors, ids };
}

const written = (folder: string): Promise<unknown> =>
  until('a snapshot', async () => (await readdir(folder)).some((name) => name.endsWith('.json')));

async function fileOf(folder: string): Promise<string> {
  return join(folder, (await readdir(folder))[0]!);
}

describe('a snapshot on disk', () => {
  it('serves a start without a registry, marked as old, until the registry answers', async () => {
    const folder = await folderOf();
    await using consul = await startConsul();
    await consul.register({ Name: 'users', ID: 'a', Address: '127.0.0.1', Port: 5_001, Tags: ['v2'] });
    const first = start(consul, folder);
    await until('one', () => first.ids() === 'a');
    await written(folder);
    await first.mesh.close();
    await consul.kill();

    const second = start(consul, folder);
    await until('the kept one', () => second.ids() === 'a');
    expect(second.service.endpoints[0]!.spec.tags).toEqual(['v2']);
    expect(second.service.discovery.version).toMatch(/^snapshot:/);
    expect(second.service.discovery.ageMs).toBeGreaterThan(0);
    await until('it is said', () => second.errors.some((message) => /is one that was kept on disk/.test(message)));

    await consul.restart();
    await consul.register({ Name: 'users', ID: 'b', Address: '127.0.0.1', Port: 5_002 });
    await until('the real one', () => second.ids() === 'b');
    expect(second.service.discovery.version).not.toMatch(/^snapshot:/);
  });

  it('is for its owner alone, and holds no secret', async () => {
    const folder = await folderOf();
    await using consul = await startConsul();
    await consul.register({ Name: 'users', ID: 'a', Address: '127.0.0.1', Port: 5_001 });
    start(consul, folder);
    await written(folder);
    const path = await fileOf(folder);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    expect(await readFile(path, 'utf8')).not.toContain('secret');
  });

  it.each<[string, (saved: Record<string, unknown>) => string, RegExp]>([
    [
      'too old',
      (saved) => JSON.stringify({ ...saved, savedAtMs: Date.now() - 7_200_000 }),
      /ms old, allowed is 3600000/,
    ],
    ['of another time', (saved) => JSON.stringify({ ...saved, savedAtMs: Date.now() + 7_200_000 }), /ms old, allowed/],
    ['of another format', (saved) => JSON.stringify({ ...saved, schema: 2 }), /not a snapshot of this service/],
    ['cut off', (saved) => JSON.stringify(saved).slice(0, 50), /JSON/],
    ['made up', (saved) => JSON.stringify({ ...saved, endpoints: [{ host: 'a b' }] }), /endpoints\[0\]\.host/],
  ])('is not used where it is %s', async (_what, spoil, message) => {
    const folder = await folderOf();
    await using consul = await startConsul();
    await consul.register({ Name: 'users', ID: 'a', Address: '127.0.0.1', Port: 5_001 });
    const first = start(consul, folder);
    await written(folder);
    await first.mesh.close();
    await consul.kill();
    const path = await fileOf(folder);
    await writeFile(path, spoil(JSON.parse(await readFile(path, 'utf8'))));
    const second = start(consul, folder);
    await until('it is said', () => second.errors.some((error) => message.test(error)));
    expect(second.ids()).toBe('');
  });
});
