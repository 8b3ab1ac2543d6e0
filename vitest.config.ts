import { defineConfig, type ViteUserConfig } from 'vitest/config';
import { leftOutFiles } from './integration/harness/left-out.js';

// Tests import the package by its public names; this condition makes those names mean the sources.
const conditions = ['fairlead-source', 'node', 'import', 'default'];
const source = { resolve: { conditions }, ssr: { resolve: { conditions } } };

const config: ViteUserConfig = defineConfig({
  test: {
    projects: [
      // Unit tests take milliseconds; the limit is for machines that are busy with something else.
      // Some of them talk over loopback: in CI, a second try, which is reported, as below.
      {
        ...source,
        test: {
          name: 'unit',
          setupFiles: ['test/support/setup.ts'],
          include: ['test/**/*.test.ts'],
          testTimeout: 30_000,
          // A second, the default, is what a busy machine may stall for.
          expect: { poll: { timeout: 20_000 } },
          retry: process.env.CI === 'true' ? 1 : 0,
        },
      },
      {
        ...source,
        test: {
          name: 'integration',
          include: ['integration/**/*.test.ts'],
          exclude: leftOutFiles(),
          globalSetup: './integration/harness/global-setup.ts',
          testTimeout: 60_000,
          expect: { poll: { timeout: 30_000 } },
          // Real processes on machines shared with others: one that stalls for a second may have a
          // second try, and it is reported.
          retry: process.env.CI === 'true' ? 1 : 0,
          hookTimeout: 240_000,
          // Two cores: servers and clients of one file at a time, or timing assertions measure the
          // neighbours.
          fileParallelism: false,
        },
      },
    ],
  },
});
export default config;
