import type { Fault, FaultKind } from './part.js';

/** A server of the harness, or another process that offers the same. */
interface Faulty {
  kill(): Promise<void>;
  stop(): Promise<void>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  restart(): Promise<void>;
}

/** What happens to the processes of servers. */
export function processFaults(servers: number): FaultKind[] {
  return [
    { kind: 'kill', targets: servers, lastsMs: [1, 3_000], group: 'process' },
    { kind: 'stop', targets: servers, lastsMs: [1, 3_000], group: 'process' },
    { kind: 'pause', targets: servers, lastsMs: [50, 4_000], group: 'process', weight: 1.5 },
  ];
}

/** Undefined: not a fault of a process. */
export async function beginProcessFault({ kind }: Fault, server: Faulty): Promise<(() => Promise<void>) | undefined> {
  switch (kind) {
    case 'kill':
      await server.kill();
      return () => server.restart();
    case 'stop':
      await server.stop();
      return () => server.restart();
    case 'pause':
      await server.pause();
      return () => server.resume();
    default:
      return undefined;
  }
}
