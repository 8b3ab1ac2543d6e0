import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
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
});
