import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { serversCanBeHad } from './backend.js';

const INTEGRATION = join(import.meta.dirname, '..');

/**
 * The test files to leave out on this machine: none, unless no server can be had here; then those
 * that import the harness. In CI nothing is ever left out: there a missing server fails the tests
 * that need it.
 */
export function leftOutFiles(canBeHad: () => boolean = serversCanBeHad): string[] {
  if (process.env.CI || canBeHad()) return [];
  const tests = readdirSync(INTEGRATION, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.test.ts'),
  );
  const needy = tests.filter((file) =>
    /from '[^']*harness\/index\.js'/.test(readFileSync(join(INTEGRATION, file), 'utf8')),
  );
  return needy.map((file) => `${relative(join(INTEGRATION, '..'), INTEGRATION)}/${file}`);
}
