import { readFileSync } from 'node:fs';
import { createMesh } from 'fairlead';
import { describe, expect, it } from 'vitest';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const page = read('docs/policies.md');

describe('docs/policies.md', () => {
  it.each([...createMesh().policies.names])('tells the cost and the failure mode of %s', (name) => {
    const section = page.split(/^## /m).find((each) => each.startsWith(`${name}\n`));
    expect(section, `a section named ${name}`).toBeDefined();
    expect(section).toMatch(/\*\*Cost\*\*/);
    expect(section).toMatch(/\*\*Failure modes?\*\*|\*\*failure modes\*\*/);
  });

  it.each([...createMesh().policies.names])('names %s in its table, its picture and the benchmarks', (name) => {
    expect(page).toContain(`| [\`${name}\`](#${name}) |`);
    expect(read('docs/img/policies.svg')).toContain(`>${name}</text>`);
    expect(read('docs/benchmarks.md')).toMatch(new RegExp(`^\\| \`${name}\` \\| \\d+ \\|`, 'm'));
  });
});
