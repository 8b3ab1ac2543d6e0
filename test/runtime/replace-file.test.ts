import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConfigStore } from 'fairlead/config';
import { expect, it, onTestFinished } from 'vitest';
import { replaceFile, replaceFileSync } from '../../src/runtime/replace-file.js';
import { testMesh } from '../support/mesh.js';

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'fairlead-replace-'));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

it('whoever replaces a file at once with others leaves one whole text, and nothing beside it', async () => {
  const path = join(folder(), 'kept.json');
  const text = (writer: number): string => JSON.stringify({ writer, filler: 'x'.repeat(1 + writer * 50_000) });
  const writing = Array.from({ length: 20 }, async (_, writer) => {
    await replaceFile(path, text(writer));
    const { writer: last } = JSON.parse(readFileSync(path, 'utf8')) as { writer: number };
    expect(readFileSync(path, 'utf8').length).toBeGreaterThan(0);
    expect(last).toBeGreaterThanOrEqual(0);
  });
  await Promise.all(writing);
  replaceFileSync(path, 'the last');
  expect(readFileSync(path, 'utf8')).toBe('the last');
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(join(path, '..'))).toEqual(['kept.json']);
});

it('what could not be replaced leaves nothing beside it', async () => {
  const path = join(folder(), 'a-folder');
  await replaceFile(join(path, '..', 'x'), 'x');
  await expect(replaceFile(join(path, 'kept.json'), 'x')).rejects.toThrow(/ENOENT/);
  expect(() => replaceFileSync(join(path, 'kept.json'), 'x')).toThrow(/ENOENT/);
  expect(readdirSync(join(path, '..'))).toEqual(['x']);
});

it('stores of one process id keep their last good documents in one file without an error', async () => {
  const lastGood = join(folder(), 'config.json');
  const refused: string[] = [];
  const stores = Array.from({ length: 4 }, () => {
    const config = createConfigStore(testMesh({}).mesh, { lastGood, compare: false });
    config.on('refused', ({ error }) => refused.push(error.message));
    return config;
  });
  for (let i = 1; i <= 20; i++) {
    const services = Object.fromEntries(Array.from({ length: i * 40 }, (_, n) => [`s${n}`, { waitForReadyMs: i }]));
    await Promise.all(stores.map((config) => config.apply({ services })));
    for (const name of readdirSync(join(lastGood, '..'))) {
      if (name === 'config.json') JSON.parse(readFileSync(lastGood, 'utf8'));
    }
  }
  const last = (): unknown => Object.keys(JSON.parse(readFileSync(lastGood, 'utf8')).services).length;
  await expect.poll(last).toBe(800);
  await expect.poll(() => readdirSync(join(lastGood, '..'))).toEqual(['config.json']);
  expect(refused).toEqual([]);
});
