import { defineConfig, type ViteUserConfig } from 'vitest/config';

const conditions = ['fairlead-source', 'node', 'import', 'default'];

/** The unit tests alone, as `npm run quality` measures them: all, or those that are named. */
const config: ViteUserConfig = defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    setupFiles: ['test/support/setup.ts'],
    include: JSON.parse(process.env.QUALITY_TESTS ?? '["test/**/*.test.ts"]') as string[],
    // What is counted in bytes and imports counts the counting too.
    exclude: [
      '**/node_modules/**',
      'test/**/*cost.test.ts',
      'test/import-cost.test.ts',
      'test/balancing/oddities.test.ts',
      'test/adapters/grpc/calls/call-record.test.ts',
    ],
    testTimeout: 600_000,
    coverage: {
      provider: 'v8',
      reportOnFailure: true,
      include: ['src/**/*.ts'],
      reporter: ['text-summary', 'json-summary', 'json'],
      reportsDirectory: '.quality/coverage',
      thresholds: { lines: 95 },
    },
  },
});
export default config;
