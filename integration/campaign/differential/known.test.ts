import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { KNOWN } from './known.js';

it.each(KNOWN)('$page says what is not the same: $says', ({ page, section, says }) => {
  const text = readFileSync(new URL(`../../../${page}`, import.meta.url), 'utf8');
  const found = text.split(/^## /m).find((each) => each.startsWith(`${section}\n`));
  expect(found?.replaceAll(/\s+/g, ' ')).toContain(says);
});
