import { spawnSync } from 'node:child_process';

/**
 * An engine whose daemon does not answer within this time would not start servers in reasonable
 * time either.
 */
const ANSWER_WITHIN_MS = 5_000;

/**
 * `docker` or `podman`, whichever really runs containers here (its daemon answers, and it has
 * `compose`); undefined when neither does.
 */
export function containerEngine(): string | undefined {
  return ['docker', 'podman'].find((engine) => works(engine, 'ps', '-q') && works(engine, 'compose', 'version'));
}

function works(engine: string, ...args: string[]): boolean {
  return spawnSync(engine, args, { timeout: ANSWER_WITHIN_MS, stdio: 'ignore' }).status === 0;
}
