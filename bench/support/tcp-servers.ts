import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export interface TcpWorld {
  readonly ports: readonly number[];
  /** The program that plays the clients. */
  readonly load: string;
}

const pathOf = (name: string): string => fileURLToPath(new URL(`./${name}`, import.meta.url));

/** Three servers in processes of their own; they end with this process. */
export async function startTcpServers(): Promise<{ readonly world: TcpWorld; stop(): Promise<void> }> {
  const children = Array.from({ length: 3 }, () => fork(pathOf('tcp-server.mjs'), { stdio: 'inherit', execArgv: [] }));
  const ports = await Promise.all(
    children.map(async (child) => ((await once(child, 'message')) as [{ port: number }])[0].port),
  );
  return {
    world: { ports, load: pathOf('tcp-load.mjs') },
    stop: async () => {
      for (const child of children) child.disconnect();
    },
  };
}
