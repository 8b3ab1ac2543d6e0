import type { PageParts } from './build-page.js';

/**
 * The script and the style of the page. In the package they are texts that the build put here; from
 * the sources they are made when the page is first asked for.
 */
export async function pageParts(): Promise<PageParts> {
  const { buildPage } = await import('./build-page.js');
  return buildPage();
}
