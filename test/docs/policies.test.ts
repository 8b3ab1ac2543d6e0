import { readFileSync } from 'node:fs';
import { createMesh } from 'fairlead';
import { describe, expect, it } from 'vitest';

const page = readFileSync(new URL('../../docs/policies.md', import.meta.url), 'utf8');

describe('docs/policies.md', () => {
  it.each([...createMesh().policies.names])('tells the cost and the failure mode of %s', (name) => {
    const section = page.split(/^## /m).find((each) => each.startsWith(`${name}\n`));
    expect(section, `a section named ${name}`).toBeDefined();
    expect(section).toMatch(/\*\*Cost\*\*/);
    expect(section).toMatch(/\*\*Failure modes?\*\*|\*\*failure modes\*\*/);
  });
});
