import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** Three servers in processes of their own; their addresses. They end with this process. */
export async function startGrpcServers(): Promise<{ readonly world: readonly string[]; stop(): Promise<void> }> {
  const path = fileURLToPath(new URL('./grpc-server.mjs', import.meta.url));
  const children = Array.from({ length: 3 }, () => fork(path, { stdio: 'inherit', execArgv: [] }));
  const world = await Promise.all(
    children.map(async (child) => `127.0.0.1:${((await once(child, 'message')) as [{ port: number }])[0].port}`),
  );
  return {
    world,
    stop: async () => {
      for (const child of children) child.disconnect();
    },
  };
}

/** One server in a process of its own that listens on so many ports; its addresses. */
export async function startGrpcPorts(count: number): Promise<{ readonly addresses: readonly string[]; stop(): void }> {
  const path = fileURLToPath(new URL('./grpc-server.mjs', import.meta.url));
  const child = fork(path, [String(count)], { stdio: 'inherit', execArgv: [] });
  const [{ ports }] = (await once(child, 'message')) as [{ ports: readonly number[] }];
  return { addresses: ports.map((port) => `127.0.0.1:${port}`), stop: () => child.disconnect() };
}
