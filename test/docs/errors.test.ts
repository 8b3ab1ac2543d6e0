import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

/**
 * The codes of the union in the source: types leave nothing behind that a test could ask at run
 * time.
 */
const codes = [...read('src/runtime/errors.ts').matchAll(/^\s*\| '(FAIRLEAD_\w+)'/gm)].map(([, code]) => code!);

describe('docs/errors.md', () => {
  const sections = new Map(
    read('docs/errors.md')
      .split(/^## /m)
      .slice(1)
      .map((section) => [section.slice(0, section.indexOf('\n')).trim(), section]),
  );

  it('has a section for every code, and for no other', () => {
    expect(codes).toContain('FAIRLEAD_NO_ENDPOINT');
    expect([...sections.keys()].sort()).toEqual([...codes].sort());
  });

  it.each(codes)('tells the cause of %s and how to fix it', (code) => {
    expect(sections.get(code)).toMatch(/^- \*\*Cause\*\*: \S/m);
    expect(sections.get(code)).toMatch(/^- \*\*Fix\*\*: \S/m);
  });
});
