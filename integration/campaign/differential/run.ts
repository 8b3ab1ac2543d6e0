import { spawnSync } from 'node:child_process';

/** Seeds of one run of the tests. */
const AT_ONCE = 20;

/**
 * `npm run campaign -- --differential`: plays seed after seed for so many minutes, until one differs.
 * Returns the exit code.
 */
export function runDifferential(seed: number, minutes: number, only = ''): number {
  const until = Date.now() + minutes * 60_000;
  for (let from = seed; from === seed || Date.now() < until; from += AT_ONCE) {
    const env = { ...process.env, DIFFERENTIAL_SEEDS: `${from}-${from + AT_ONCE - 1}` };
    const files = `integration/campaign/differential/${only}`;
    const { status } = spawnSync('npx', ['vitest', 'run', '--project', 'integration', files], {
      stdio: 'inherit',
      env,
    });
    if (status !== 0) return status ?? 1;
  }
  return 0;
}
