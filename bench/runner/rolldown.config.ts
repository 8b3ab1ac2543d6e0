import { basename } from 'node:path';
import { defineConfig, type RolldownOptions } from 'rolldown';

const inputs = (process.env.BENCH_INPUTS ?? '').split(' ').filter((path) => path !== '');

const config: RolldownOptions = defineConfig({
  input: Object.fromEntries(inputs.map((path) => [basename(path, '.ts'), path])),
  platform: 'node',
  external: /^[^./]/,
  resolve: { extensionAlias: { '.js': ['.ts'] } },
  transform: { target: 'es2023' },
  output: { dir: 'dist-bench', format: 'esm', entryFileNames: '[name].js', chunkFileNames: 'chunk-[name].js' },
});
export default config;
