import { defineConfig, type ViteUserConfig } from 'vitest/config';
import { leftOutFiles } from './integration/harness/left-out.js';

// Tests import the package by its public names; this condition makes those names mean the sources.
const conditions = ['fairlead-source', 'node', 'import', 'default'];
const source = { resolve: { conditions }, ssr: { resolve: { conditions } } };

/**
 * Files at once. Most of a run is waiting for servers, so there are two on a machine of two cores,
 * and no more on a larger one: what is measured there is meant for two.
 */
const maxWorkers = 2;

/** What compares times of its own or hurts many processes at once: with no other file beside it. */
const alone = [
  'integration/consul/resolver.test.ts',
  'integration/demo.test.ts',
  'integration/grpc/faults.test.ts',
  'integration/mysql/faults.test.ts',
  'integration/resilience/*.test.ts',
];

// Real processes on machines shared with others: one that stalls for a second may have a second
// try, and it is reported.
const integration = {
  globalSetup: './integration/harness/global-setup.ts',
  testTimeout: 60_000,
  expect: { poll: { timeout: 30_000 } },
  retry: process.env.CI === 'true' ? 1 : 0,
  hookTimeout: 240_000,
};

const config: ViteUserConfig = defineConfig({
  test: {
    projects: [
      // Unit tests take milliseconds; the limit is for machines that are busy with something else,
      // as CI's is: those of other Nodes run with what all tests leave.
      // Some of them talk over loopback: in CI, a second try, which is reported, as below.
      {
        ...source,
        test: {
          name: 'unit',
          maxWorkers,
          setupFiles: ['test/support/setup.ts'],
          include: ['test/**/*.test.ts'],
          testTimeout: process.env.CI === 'true' ? 120_000 : 30_000,
          // A second, the default, is what a busy machine may stall for.
          expect: { poll: { timeout: 20_000 } },
          retry: process.env.CI === 'true' ? 1 : 0,
        },
      },
      {
        ...source,
        test: {
          ...integration,
          name: 'integration',
          include: ['integration/**/*.test.ts'],
          exclude: [...leftOutFiles(), ...alone],
          maxWorkers,
          sequence: { groupOrder: 1 },
        },
      },
      {
        ...source,
        test: {
          ...integration,
          name: 'integration, alone',
          include: alone,
          exclude: leftOutFiles(),
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
export default config;
