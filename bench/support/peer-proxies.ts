/** A proxy that is a program of its own: where it listens, and which process it is. */
export interface PeerAddress {
  readonly port: number;
  readonly pid: number;
}

export interface Peers {
  readonly nginx: PeerAddress;
  readonly haproxy: PeerAddress;
}

/** nginx and HAProxy before these ports, one process each. */
export async function startPeers(ports: readonly number[]): Promise<{ readonly peers: Peers; stop(): Promise<void> }> {
  const { startHaproxy, startNginx } = await import('../../integration/harness/index.js');
  const [nginx, haproxy] = await Promise.all([startNginx(ports), startHaproxy(ports)]);
  const at = ({ port, pid }: PeerAddress): PeerAddress => ({ port, pid });
  return {
    peers: { nginx: at(nginx), haproxy: at(haproxy) },
    stop: async () => {
      await nginx[Symbol.asyncDispose]();
      await haproxy[Symbol.asyncDispose]();
    },
  };
}
