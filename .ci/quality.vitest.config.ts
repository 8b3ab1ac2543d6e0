import { defineConfig, type ViteUserConfig } from 'vitest/config';

const conditions = ['fairlead-source', 'node', 'import', 'default'];

/**
 * What holds resolvers of files, health checks and webhooks: real files and sockets, seldom
 * servers.
 */
const NEAR = 'integration/{sources,health,monitor,dns}/**/*.test.ts';

const named: string | undefined = process.env.QUALITY_TESTS;

/**
 * What `npm run quality` measures: the unit tests and those near them, or the tests that are named.
 */
const config: ViteUserConfig = defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    setupFiles: ['test/support/setup.ts'],
    include: named === undefined ? ['test/**/*.test.ts', NEAR] : (JSON.parse(named) as string[]),
    // Stryker copies no integration tests.
    ...(named === undefined && { globalSetup: './integration/harness/global-setup.ts' }),
    hookTimeout: 240_000,
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
