import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMesh, staticResolver } from 'fairlead';
import { withSnapshot } from 'fairlead/sources';
import { ManualClock } from 'fairlead/testing';
import { expect, it, onTestFinished } from 'vitest';

it('a list that waits to be kept on disk is there when the mesh is closed', async () => {
  const root = mkdtempSync(join(tmpdir(), 'fairlead-snapshot-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const folder = join(root, 'lists');
  const clock = new ManualClock();
  const inner = staticResolver({ users: ['127.0.0.1:5001'] });
  const mesh = createMesh({ resolver: withSnapshot(inner, { folder }), clock });
  await mesh.service('users').ready();
  inner.update('users', ['127.0.0.1:5002']);
  clock.advance(999);
  await mesh.close();
  const [name, ...others] = readdirSync(folder);
  expect(others).toEqual([]);
  expect(JSON.parse(readFileSync(join(folder, name!), 'utf8'))).toMatchObject({
    service: 'users',
    savedAtMs: clock.wallMs() - 999,
    endpoints: [{ port: 5_002 }],
  });
  expect(clock.pending).toBe(0);
});
