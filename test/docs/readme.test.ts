import { readFileSync } from 'node:fs';
import { createMesh } from 'fairlead';
import { describe, expect, it } from 'vitest';

describe('the table of policies in README.md', () => {
  it('has every policy there is, and no other', () => {
    const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
    const section = readme.slice(readme.indexOf('## Choosing a policy'));
    const listed = [...section.matchAll(/^\| [^|]+ \| `(\w+)` \|/gm)].map(([, name]) => name);
    expect(listed.sort()).toEqual([...createMesh().policies.names].sort());
  });
});
