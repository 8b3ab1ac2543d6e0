import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
// Inside the package, so that `import 'fairlead'` means the package itself.
const directory = mkdtempSync(join(root, '.snippets-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

it('the policy that docs/testing.md shows passes its checks under node:test', () => {
  const page = readFileSync(join(root, 'docs', 'testing.md'), 'utf8');
  const blocks = [...page.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map((match) => match[1]!);
  const code = blocks.find((block) => block.includes(`from 'node:test'`));
  writeFileSync(join(directory, 'lottery.test.ts'), code!);
  const run = [
    '--import',
    'tsx',
    '--conditions',
    'fairlead-source',
    '--test',
    '--test-reporter',
    'tap',
    'lottery.test.ts',
  ];
  // Vitest's workers run with a context of node:test's own in the environment.
  const { NODE_TEST_CONTEXT: _, NODE_OPTIONS: __, ...env } = process.env;
  const { stdout, status } = spawnSync(process.execPath, run, { cwd: directory, encoding: 'utf8', env });
  expect(stdout).toMatch(/^# pass 13$/m);
  expect(stdout).toMatch(/^# fail 0$/m);
  expect(status).toBe(0);
});
