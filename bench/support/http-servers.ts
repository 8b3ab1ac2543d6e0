import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** Three servers in processes of their own; their ports. They end with this process. */
export async function startHttpServers(): Promise<{ readonly world: readonly number[]; stop(): Promise<void> }> {
  const path = fileURLToPath(new URL('./http-server.mjs', import.meta.url));
  const children = Array.from({ length: 3 }, () => fork(path, { stdio: 'inherit', execArgv: [] }));
  const world = await Promise.all(
    children.map(async (child) => ((await once(child, 'message')) as [{ port: number }])[0].port),
  );
  return {
    world,
    stop: async () => {
      for (const child of children) child.disconnect();
    },
  };
}
