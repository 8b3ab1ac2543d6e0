import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * The pages whose ```ts blocks must compile; a fragment that cannot stand alone is marked ```ts
 * no-check.
 */
const pages = [
  ...readdirSync(root).filter((name) => name === 'README.md'),
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
];

interface Block {
  readonly page: string;
  /** The line of the page on which the code begins, from 1. */
  readonly line: number;
  readonly code: string;
}

function blocksOf(page: string): Block[] {
  const text = readFileSync(join(root, page), 'utf8');
  return [...text.matchAll(/^```(?:ts|typescript)[ \t]*\r?\n([\s\S]*?)^```/gm)].map((match) => ({
    page,
    line: text.slice(0, match.index).split('\n').length + 1,
    code: match[1]!,
  }));
}

describe('the code in README.md and docs/', () => {
  // Inside the package, so that `import 'fairlead'` means the package itself.
  const directory = mkdtempSync(join(root, '.snippets-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it('compiles, every block of it on its own, as strictly as our own', () => {
    const blocks = pages.flatMap(blocksOf);
    expect(blocks.length).toBeGreaterThan(0);
    for (const { page, line, code } of blocks) {
      // Padded, so that the compiler's line numbers are the page's. `export {}` makes each a module
      // with its own names.
      const padding = '\n'.repeat(line - 1);
      const name = `${page.replaceAll(/[\\/]/g, '__')}__${line}.ts`;
      writeFileSync(join(directory, name), `${padding}${code}\nexport {};\n`);
    }
    writeFileSync(
      join(directory, 'tsconfig.json'),
      JSON.stringify({
        extends: '../tsconfig.json',
        compilerOptions: { noUnusedLocals: false, isolatedDeclarations: false, rootDir: '..' },
        include: ['*.ts'],
      }),
    );
    const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    const { stdout, stderr, status } = spawnSync(process.execPath, [tsc, '-p', directory, '--pretty', 'false'], {
      cwd: root,
      encoding: 'utf8',
    });
    const complaints = stdout
      .split('\n')
      .filter((text) => text !== '')
      .map((text) => text.replace(/^.*\.snippets-\w+\//, '').replace(/__\d+\.ts\((\d+),\d+\)/, ':$1'));
    expect(complaints, `see these lines of the pages\n${stderr}`).toEqual([]);
    expect(status).toBe(0);
  }, 300_000);
});
