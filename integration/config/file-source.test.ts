import { appendFile, mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMesh } from 'fairlead';
import { createConfigStore, fileSource } from 'fairlead/config';
import { describe, expect, it } from 'vitest';
import { until } from '../harness/until.js';

describe('a document in a file', () => {
  it('is followed when it is written and replaced, and a blank one takes nothing away', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'fairlead-'));
    const key = join(folder, 'mesh.yaml');
    try {
      await writeFile(key, 'services:\n  users: { waitForReadyMs: 1 }\n');
      await using mesh = createMesh();
      const config = createConfigStore(mesh, { source: fileSource({ pollMs: 100 }), key, compare: false });
      const refused: string[] = [];
      config.on('refused', ({ error }) => refused.push(error.message));
      expect(await config.ready()).toMatchObject({ number: 1, source: `file ${key}` });
      await writeFile(key, '');
      await until('it is refused', () => refused.length > 0);
      expect(config.current!.number).toBe(1);
      await writeFile(`${key}.new`, 'services:\n  users: { waitForReadyMs: 2 }\n');
      await rename(`${key}.new`, key);
      await until('it is in force', () => config.current!.number === 2);
      expect(config.current!.document).toEqual({ services: { users: { waitForReadyMs: 2 } } });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('is seen while a log is written beside it, and a log line on its loss is the cause of no other', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'fairlead-'));
    const key = join(folder, 'mesh.yaml');
    const log = join(folder, 'service.log');
    const document = (ms: number): string => `services:\n  users: { waitForReadyMs: ${ms} }\n`;
    try {
      await writeFile(key, document(1));
      await using mesh = createMesh();
      const source = fileSource({ pollMs: 3_600_000 });
      const config = createConfigStore(mesh, { source, key, compare: false });
      const refused: string[] = [];
      config.on('refused', ({ error }) => {
        refused.push(error.message);
        void appendFile(log, `${error.message}\n`);
      });
      await config.ready();
      // Faster than a save settles.
      const busy = setInterval(() => void appendFile(log, 'GET /\n'), 10);
      try {
        await writeFile(key, document(2));
        await until('it is in force', () => config.current!.number === 2);
      } finally {
        clearInterval(busy);
      }
      await rm(key);
      await until('its loss is told', () => refused.length > 0);
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      // Each line was the cause of the next: one in 300 ms.
      expect(refused.length).toBeLessThanOrEqual(2);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('is seen where a link to another folder is exchanged, as Kubernetes does', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'fairlead-'));
    const key = join(folder, 'mesh.json');
    const version = async (number: number): Promise<void> => {
      await mkdir(join(folder, `..${number}`));
      await writeFile(join(folder, `..${number}`, 'mesh.json'), `{"services":{"users":{"waitForReadyMs":${number}}}}`);
      await symlink(`..${number}`, join(folder, '..data_tmp'));
      await rename(join(folder, '..data_tmp'), join(folder, '..data'));
    };
    try {
      await version(1);
      await symlink(join('..data', 'mesh.json'), key);
      await using mesh = createMesh();
      const config = createConfigStore(mesh, { source: fileSource({ pollMs: 3_600_000 }), key, compare: false });
      await config.ready();
      await version(2);
      await until('it is in force', () => config.current!.number === 2);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
