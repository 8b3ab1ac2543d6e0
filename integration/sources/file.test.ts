import { mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMesh, type Service } from 'fairlead';
import { fileResolver } from 'fairlead/sources';
import { describe, expect, it, onTestFinished } from 'vitest';
import { until } from '../harness/until.js';

async function world(name = 'services.json', text?: string, pollMs = 60_000) {
  const folder = await mkdtemp(join(tmpdir(), 'fairlead-file-'));
  const path = join(folder, name);
  if (text !== undefined) await writeFile(path, text);
  const mesh = createMesh({ resolver: fileResolver({ path, pollMs }) });
  onTestFinished(async () => {
    await mesh.close();
    await rm(folder, { recursive: true, force: true });
  });
  const service = mesh.service('users');
  const errors: string[] = [];
  service.on('error', ({ message }) => errors.push(message));
  const ids = (of: Service = service): string => of.endpoints.map(({ spec }) => spec.id).join();
  const lists = (...expected: string[]) => until(`${expected} (it is ${ids()})`, () => ids() === expected.join());
  return { folder, path, mesh, service, errors, ids, lists };
}

const json = (...list: unknown[]): string => JSON.stringify({ users: list });

describe('the file resolver', () => {
  it('follows a file that is written in place, replaced by another, removed and made again', async () => {
    const { path, folder, lists, errors, ids } = await world('services.json', json('127.0.0.1:1'));
    await lists('127.0.0.1:1');
    await writeFile(path, json('127.0.0.1:1', { host: '127.0.0.1', port: 2, weight: 3 }));
    await lists('127.0.0.1:1', '127.0.0.1:2');
    for (let i = 3; i < 6; i++) {
      await writeFile(join(folder, 'new'), json('127.0.0.1:1', `127.0.0.1:${i}`));
      await rename(join(folder, 'new'), path);
      await lists('127.0.0.1:1', `127.0.0.1:${i}`);
    }
    await unlink(path);
    await until('an error', () => errors.some((message) => /ENOENT/.test(message)));
    expect(ids()).toBe('127.0.0.1:1,127.0.0.1:5');
    await writeFile(path, json('127.0.0.1:1', '127.0.0.1:6'));
    await lists('127.0.0.1:1', '127.0.0.1:6');
  });

  it("follows a ConfigMap's link to another folder", async () => {
    const { folder, path, lists } = await world();
    const version = async (name: string, text: string): Promise<void> => {
      await mkdir(join(folder, name));
      await writeFile(join(folder, name, 'services.json'), text);
      await symlink(name, join(folder, '..data_tmp'));
      await rename(join(folder, '..data_tmp'), join(folder, '..data'));
    };
    await version('..1', json('127.0.0.1:1'));
    await symlink(join('..data', 'services.json'), path);
    await lists('127.0.0.1:1');
    await version('..2', json('127.0.0.1:2'));
    await rm(join(folder, '..1'), { recursive: true });
    await lists('127.0.0.1:2');
    await version('..3', json('127.0.0.1:3'));
    await lists('127.0.0.1:3');
  });

  it('passes over a half-written file, and keeps the last good one when it stays so', async () => {
    const { path, lists, errors, ids } = await world('services.json', json('127.0.0.1:1', '127.0.0.1:2'));
    await lists('127.0.0.1:1', '127.0.0.1:2');
    const whole = json('127.0.0.1:1', '127.0.0.1:3');
    await writeFile(path, whole.slice(0, 20));
    await writeFile(path, whole);
    await lists('127.0.0.1:1', '127.0.0.1:3');
    expect(errors).toEqual([]);
    for (const bad of [
      '',
      '{"users": [}',
      '[]',
      json('no address'),
      json({ host: 'a', port: 0 }),
      json({ hots: 'a' }),
    ]) {
      errors.length = 0;
      await writeFile(path, bad);
      await until(`an error for ${bad}`, () => errors.length > 0);
      expect(errors[0]).toContain(path);
      expect(ids()).toBe('127.0.0.1:1,127.0.0.1:3');
    }
  });

  it('reads YAML, and does not believe at once that half of it is all', async () => {
    const list = (...ports: number[]): string => `users:\n${ports.map((port) => `  - 127.0.0.1:${port}\n`).join('')}`;
    const { path, lists, errors, ids } = await world('services.yaml', list(1, 2, 3, 4));
    await lists('127.0.0.1:1', '127.0.0.1:2', '127.0.0.1:3', '127.0.0.1:4');
    await writeFile(path, list(1));
    await until('a doubt', () => errors.some((message) => /lists 1 endpoints only: 3 are kept/.test(message)));
    expect(ids()).toContain('127.0.0.1:4');
    await lists('127.0.0.1:1');
    await writeFile(path, 'users:\n');
    await until('an error', () => errors.some((message) => /users is not a list/.test(message)));
    await writeFile(path, 'users: []\n');
    await lists();
  });

  it('finds what the system does not tell of by looking', async () => {
    const { folder, lists, mesh } = await world('later/services.json', undefined, 200);
    await mkdir(join(folder, 'later'));
    await writeFile(join(folder, 'later', 'services.json'), json('127.0.0.1:1'));
    await lists('127.0.0.1:1');
    const other = mesh.service('orders');
    await until('it is unlisted', () => other.discovery.error !== undefined);
    expect(other.discovery.error).toMatchObject({ code: 'FAIRLEAD_UNLISTED' });
  });
});
