import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/** What a page is made of. */
export interface PageParts {
  readonly script: string;
  readonly style: string;
}

/** Bundles the page's own modules with uPlot. For the build, and for those who run the sources. */
export async function buildPage(): Promise<PageParts> {
  const { rolldown } = await import('rolldown');
  const here = (name: string): string => fileURLToPath(new URL(`./page/${name}`, import.meta.url));
  const chart = createRequire(import.meta.url).resolve('uplot/dist/uPlot.min.css');
  const bundle = await rolldown({
    input: here('main.ts'),
    platform: 'browser',
    resolve: { extensionAlias: { '.js': ['.ts'] } },
    transform: { target: 'es2022' },
  });
  try {
    const { output } = await bundle.generate({ format: 'iife', minify: true });
    const styles = await Promise.all([readFile(chart, 'utf8'), readFile(here('page.css'), 'utf8')]);
    // It stands between tags: a text that ends one would end it.
    const script = output[0].code.trim().replaceAll('</script', '<\\/script');
    return { script, style: styles.join('\n').trim() };
  } finally {
    await bundle.close();
  }
}
