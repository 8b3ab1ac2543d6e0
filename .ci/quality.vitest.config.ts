import { defineConfig, type ViteUserConfig } from 'vitest/config';

const conditions = ['fairlead-source', 'node', 'import', 'default'];

/** The unit tests alone, as `npm run quality` measures them: all, or those that are named. */
const config: ViteUserConfig = defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    setupFiles: ['test/support/setup.ts'],
    include: JSON.parse(process.env.QUALITY_TESTS ?? '["test/**/*.test.ts"]') as string[],
    testTimeout: 600_000,
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      reporter: ['text-summary', 'json-summary', 'json'],
      reportsDirectory: '.quality/coverage',
      thresholds: { lines: 95 },
    },
  },
});
export default config;
