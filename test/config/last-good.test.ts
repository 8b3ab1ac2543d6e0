import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { LastGood } from '../../src/config/last-good.js';

it('says once why documents could not be written that waited for the disk together', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'fairlead-'));
  try {
    const failures: Error[] = [];
    const lastGood = new LastGood(join(folder, 'none', 'config.json'), (error) => failures.push(error));
    for (let i = 1; i <= 5; i++) lastGood.write({ services: { users: { waitForReadyMs: i } } });
    await expect.poll(() => failures).toMatchObject([{ code: 'ENOENT' }]);
    lastGood.write({});
    await expect.poll(() => failures).toHaveLength(2);
  } finally {
    await rm(folder, { recursive: true });
  }
});
