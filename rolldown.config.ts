import { readFileSync } from 'node:fs';
import { defineConfig, type RolldownOptions } from 'rolldown';
import { shortLines } from './.ci/break-lines.js';
import { buildPage } from './adapters/admin/build-page.js';

/**
 * The published JavaScript: one file for each subpath export and the chunks they share, with source
 * maps, minified but for the names of functions and classes, which stack traces show, and for some
 * ends of lines. Importing the sources file by file costs eight times as much as these (measure it: `npm run bench -- import`).
 * The declarations come from tsc.
 */
type Export = string | { readonly 'fairlead-source': string; readonly default: string };
const { exports } = JSON.parse(readFileSync('package.json', 'utf8')) as { exports: Record<string, Export> };

const input = Object.fromEntries(
  Object.values(exports).flatMap((entry) =>
    typeof entry === 'string' ? [] : [[entry.default.replace(/^\.\/dist\/|\.js$/g, ''), entry['fairlead-source']]],
  ),
);

const adminPage = {
  name: 'admin-page',
  // In the package, the page is a text.
  async load(id: string) {
    if (!id.endsWith('/adapters/admin/assets.ts')) return null;
    return `export const pageParts = async () => (${JSON.stringify(await buildPage())});`;
  },
};

const doors: RolldownOptions = defineConfig({
  input,
  platform: 'node',
  // Every package stays outside: dependencies are installed beside us, and peers are the user's
  // own.
  external: /^[^./]/,
  resolve: { extensionAlias: { '.js': ['.ts'] } },
  transform: { target: 'es2023' },
  plugins: [adminPage, shortLines()],
  output: {
    dir: 'dist',
    format: 'esm',
    sourcemap: true,
    minify: { compress: true, mangle: { toplevel: false }, codegen: { removeWhitespace: true } },
    entryFileNames: '[name].js',
    chunkFileNames: 'shared/[name].js',
    // Left to itself every set of doors that shares some modules gets a file for them: 13 for
    // `fairlead`.
    codeSplitting: {
      groups: [
        { name: 'base', test: /\/src\/(?:runtime|hashing)\/(?!index\.ts)/, priority: 3 },
        {
          name: 'core',
          test: /\/src\/(?!index\.ts|adapter\.ts|testing\/|discovery\/(?:consul|etcd|dns|sources)\/|routing\/|config\/|monitor\/|[a-z]+\/index\.ts)/,
          priority: 1,
        },
        // Last: a group takes what it needs along, unless another has it already.
        { name: 'routing', test: /\/src\/routing\/(?!index\.ts)/, priority: 0 },
      ],
    },
  },
});

/**
 * The command has what it needs in files of its own: what it loads late would be in a file more for
 * every door.
 */
const command: RolldownOptions = defineConfig({
  input: { 'cli/main': './cli/main.ts' },
  platform: 'node',
  external: /^[^./]/,
  plugins: [adminPage, shortLines()],
  resolve: { extensionAlias: { '.js': ['.ts'] } },
  transform: { target: 'es2023' },
  output: {
    dir: 'dist',
    format: 'esm',
    sourcemap: true,
    entryFileNames: '[name].js',
    chunkFileNames: 'cli/parts/[name].js',
  },
});

const config: RolldownOptions[] = [doors, command];
export default config;
