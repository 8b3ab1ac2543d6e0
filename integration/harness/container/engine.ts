import { spawnSync } from 'node:child_process';

/** An engine whose daemon does not answer within this time would not start servers in reasonable time either. */
const ANSWER_WITHIN_MS = 5_000;

/** `docker` or `podman`, whichever really runs containers here (its daemon answers and it has `compose`); undefined when neither does. */
export function containerEngine(): string | undefined {
  return ['docker', 'podman'].find(
    (engine) => answers(engine, 'info', '--format', '{{.}}') && answers(engine, 'compose', 'version'),
  );
}

function answers(engine: string, ...args: string[]): boolean {
  const { status, stdout } = spawnSync(engine, args, {
    encoding: 'utf8',
    timeout: ANSWER_WITHIN_MS,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return status === 0 && stdout.trim() !== '';
}
